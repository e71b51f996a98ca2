// SPDX-License-Identifier: Apache-2.0
import type { Edit } from "./edit.ts";
import type { Extent } from "./extent.ts";
import type { Dataplane, DataplaneFile } from "./read.ts";
import type { SectionEntries } from "./section-text.ts";
import type { Section } from "./tags.ts";

/** What is to be done in one Dataplane, whatever it is written like. */
export interface Task {
  readonly file: DataplaneFile;
  readonly dataplane: Dataplane;
  readonly sections: readonly Section[];
  /** What is missing in `transparentProxying`. */
  readonly missing: SectionEntries;
}

export interface Edits {
  readonly edits: readonly Edit[];
  /** What goes. */
  readonly gone: readonly Extent[];
}
