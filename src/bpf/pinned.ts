// SPDX-License-Identifier: Apache-2.0
import { openAnyPin } from "./descriptor.ts";
import { BpfLink } from "./link.ts";
import { BpfMap } from "./map.ts";
import { BpfProgram } from "./program.ts";

/** What a pin holds. To be disposed of. */
export type Pinned = BpfMap | BpfProgram | BpfLink;

/** Opens a pin whatever it holds; undefined where it has gone, or is none. */
export function openPinned(path: string): Pinned | undefined {
  const pin = openAnyPin(path);
  switch (pin?.kind) {
    case "map":
      return new BpfMap(pin.descriptor);
    case "prog":
      return new BpfProgram(pin.descriptor);
    case "link":
      return new BpfLink(pin.descriptor);
    case undefined:
      return undefined;
  }
}
