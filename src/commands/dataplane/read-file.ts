// SPDX-License-Identifier: Apache-2.0
import { readSource } from "../../config/files/read-source.ts";
import { TproxyError } from "../../core/errors.ts";
import type { Source } from "../../dataplane/source.ts";

/** How a file argument says stdin. */
export const STDIN = "-";

/** @throws TproxyError DATAPLANE_INVALID where it cannot be read, or is no text */
export async function readDataplaneFile(
  path: string,
  stdin: () => AsyncIterable<Uint8Array | string>,
): Promise<Source> {
  const source =
    path === STDIN ? ({ kind: "stdin", flag: path } as const) : ({ kind: "file", flag: path, path } as const);
  const read = await readSource(source, stdin, "keep");
  if ("text" in read) return read;
  throw new TproxyError("DATAPLANE_INVALID", `${read.name} ${read.problem}`);
}
