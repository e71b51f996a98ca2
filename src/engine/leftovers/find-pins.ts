// SPDX-License-Identifier: Apache-2.0
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BpfMap } from "../../bpf/map.ts";
import { openPinned } from "../../bpf/pinned.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import { readMounts } from "../../host/mounts.ts";
import { HOME } from "../ebpf/pin-directory.ts";
import { isKnownMap, isKnownProgram } from "./known.ts";
import type { PinLeftover } from "./leftover.ts";
import { mapsOf } from "./program-maps.ts";

/** How deep below the root of a bpffs: Kuma's pod of a node is `<bpffs>/tc/globals/local_pod_ips`. */
const DEPTH = 4;

/** Pins of theirs on any bpffs that is seen from here, whatever they are called. A file system that is mounted twice counts once. */
export function findPins(): PinLeftover[] {
  const seen = new Set<string>();
  return readMounts()
    .filter(({ type }) => type === "bpf")
    .flatMap(({ mountPoint }) => filesBelow(mountPoint, DEPTH))
    .filter(({ id }) => !seen.has(id) && seen.add(id))
    .flatMap(({ path }) => judgePin(path) ?? []);
}

/** Our own pins, of which there may be many, are not theirs. */
function filesBelow(directory: string, depth: number): { readonly path: string; readonly id: string }[] {
  return list(directory).flatMap((name) => {
    const path = join(directory, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined || name === HOME) return [];
    if (found.isDirectory()) return depth === 0 ? [] : filesBelow(path, depth - 1);
    return found.isFile() ? [{ path, id: `${found.dev}:${found.ino}` }] : [];
  });
}

/** Directories of others come and go. */
function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return [];
    throw new TproxyError("SYSCALL_FAILED", `cannot look for pins in ${directory}`, { cause });
  }
}

/** What is pinned there, where that is theirs. */
export function judgePin(path: string): PinLeftover | undefined {
  using pinned = openPinned(path);
  if (pinned instanceof BpfMap) {
    const { info } = pinned;
    return isKnownMap(info) ? { kind: "pin", path, object: "map", id: info.id, name: info.name } : undefined;
  }
  if (pinned instanceof BpfProgram) return judgeProgram(path, pinned, "program", pinned.info().id);
  // Of links they made one alone, for the program that follows network namespaces as they go.
  const link = pinned?.info();
  using program = link && BpfProgram.byId(link.programId);
  return link && program && judgeProgram(path, program, "link", link.id);
}

function judgeProgram(
  path: string,
  program: BpfProgram,
  object: "program" | "link",
  id: number,
): PinLeftover | undefined {
  const info = program.info();
  if (!isKnownProgram(info, object === "link" ? "tracing" : undefined, mapsOf(program))) return undefined;
  return { kind: "pin", path, object, id, name: info.name };
}
