// SPDX-License-Identifier: Apache-2.0
import { hash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OBJECT_ABI } from "../../bpf/layouts.gen.ts";
import { BpfObject } from "../../bpf/object.ts";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import { readTrusted, Untrusted } from "../../host/trusted-path.ts";

export const OBJECT_NAME = "tproxy.bpf.o";

/** As sha256sum writes it: of each object, its sum and its name. */
const SUMS_NAME = "SHA256SUMS";

/** Ours has 160 KiB. */
const LARGEST = 16 * 1024 * 1024;

const ABI_SECTION = "tproxyctl.abi";

/**
 * Opens the prebuilt programs: those of the package, or those in `directory` where it is not "". The file is read once, and
 * what was checked is what is loaded.
 *
 * @throws TproxyError PROGRAMS_UNUSABLE where they are missing, unreadable, damaged, where others could change them, or
 *   where they were built for another version: what the programs and this side agree on would not be the same.
 */
export function openPrograms(directory: string): BpfObject {
  const file = findObject(directory);
  const bytes = read(file);
  checkSum(file, bytes, { required: directory === "" });
  const object = BpfObject.fromBytes(bytes, file);
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

function read(file: string): Buffer {
  try {
    return readTrusted(file, LARGEST);
  } catch (cause) {
    if (cause instanceof Untrusted) throw untrusted(file, cause);
    const hint = "The prebuilt programs are part of the package: install tproxyctl again.";
    throw new TproxyError("PROGRAMS_UNUSABLE", `cannot read ${file}`, { cause, hint });
  }
}

function untrusted(file: string, { message }: Untrusted): TproxyError {
  return new TproxyError("PROGRAMS_UNUSABLE", `${file} is not loaded into the kernel: ${message}`, {
    hint:
      "The programs, and each directory on the way to them, must be root's, and nobody else may write there " +
      "(chown root, chmod go-w); /tmp and directories below it are everybody's.",
  });
}

/** A directory of the user's own may have none. */
function checkSum(file: string, bytes: Buffer, { required }: { readonly required: boolean }): void {
  const sums = join(file, "..", SUMS_NAME);
  const expected = readSum(sums, required);
  if (expected === undefined && !required) return;
  const found = hash("sha256", bytes);
  if (found === expected) return;
  const what =
    expected === undefined ? `does not name ${OBJECT_NAME}` : `says ${expected}, and it is ${found}`;
  throw new TproxyError("PROGRAMS_UNUSABLE", `${file} is not what was built: ${sums} ${what}`, {
    hint: required
      ? "The package is damaged, or somebody has changed it: install tproxyctl again."
      : "Copy the object and SHA256SUMS from the same package, or leave --ebpf-programs-source-path out.",
  });
}

function readSum(sums: string, required: boolean): string | undefined {
  let text: string;
  try {
    text = readTrusted(sums, LARGEST).toString("latin1");
  } catch (cause) {
    if (cause instanceof Untrusted) throw untrusted(sums, cause);
    if (!required && systemErrorCode(cause) === "ENOENT") return undefined;
    const hint = "It is part of the package: install tproxyctl again.";
    throw new TproxyError("PROGRAMS_UNUSABLE", `cannot read ${sums}`, { cause, hint });
  }
  return text
    .split("\n")
    .map((line) => /^([0-9a-f]{64}) [ *](.+)$/.exec(line))
    .find((match) => match?.[2] === OBJECT_NAME)?.[1];
}

function abiOf(object: BpfObject): string | undefined {
  const section = object.section(ABI_SECTION);
  return section && Buffer.from(section).toString("latin1").replace(/\0$/, "");
}
