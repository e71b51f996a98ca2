// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OBJECT_ABI } from "../../bpf/layouts.gen.ts";
import { BpfObject } from "../../bpf/object.ts";
import { TproxyError } from "../../core/errors.ts";

export const OBJECT_NAME = "tproxy.bpf.o";

const ABI_SECTION = "tproxyctl.abi";

/**
 * Opens the prebuilt programs: those of the package, or those in `directory` where it is not "".
 *
 * @throws TproxyError PROGRAMS_UNUSABLE where they are missing, unreadable, damaged, or were built for another
 *   version: what the programs and this side agree on would not be the same.
 */
export function openPrograms(directory: string): BpfObject {
  const object = BpfObject.open(findObject(directory));
  const abi = abiOf(object);
  if (abi === OBJECT_ABI) return object;
  object[Symbol.dispose]();
  const found = abi === undefined ? "are not those of tproxyctl" : `were built for tproxyctl ${abi}`;
  throw new TproxyError(
    "PROGRAMS_UNUSABLE",
    `the programs in ${object.file} ${found}, and this is ${OBJECT_ABI}`,
    {
      hint: "Leave --ebpf-programs-source-path out to use the programs that came with this version.",
    },
  );
}

function findObject(directory: string): string {
  if (directory === "") return packagedObject();
  if (listDirectory(directory).includes(OBJECT_NAME)) return join(directory, OBJECT_NAME);
  throw new TproxyError("PROGRAMS_UNUSABLE", `there is no ${OBJECT_NAME} in ${directory}`, {
    hint: "--ebpf-programs-source-path names a directory with the prebuilt programs; leave it out to use the package's.",
  });
}

/** Beside the bundle (dist/bpf), also where the sources are run as they are. */
function packagedObject(): string {
  const here = new URL(".", import.meta.url);
  const up = here.pathname.endsWith("/src/engine/ebpf/") ? "../../../dist/" : "./";
  return fileURLToPath(new URL(`${up}bpf/${OBJECT_NAME}`, here));
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    throw new TproxyError("PROGRAMS_UNUSABLE", `cannot look for the eBPF programs in ${directory}`, {
      cause,
      hint: "--ebpf-programs-source-path names a directory with the prebuilt programs; leave it out to use the package's.",
    });
  }
}

function abiOf(object: BpfObject): string | undefined {
  const section = object.section(ABI_SECTION);
  return section && Buffer.from(section).toString("latin1").replace(/\0$/, "");
}
