// SPDX-License-Identifier: Apache-2.0
import { readdirSync, realpathSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { mountEntryOf, readMounts } from "../../host/mounts.ts";
import { isPrivateDirectory } from "../../host/run-directory.ts";
import { HOME, listAllPinDirectories, listPinDirectories } from "./pin-directory.ts";
import { requireCookie } from "./require.ts";

/** How far below the root of a bpffs a home is looked for: `--ebpf-bpffs-path /sys/fs/bpf/a/b`. */
const DEPTH = 3;

/**
 * The cookie that pins of this network namespace have in their name; undefined where nobody has pins.
 *
 * @throws TproxyError with why the cookie is not known, where there are pins that may be of this namespace
 */
export function cookieOfPins(netns: NetnsFact, homes: Iterable<string> = findHomes()): bigint | undefined {
  if (netns.cookie !== undefined) return netns.cookie;
  const isNothingThere = [...homes].every((home) => listAllPinDirectories(home).length === 0);
  return isNothingThere ? undefined : requireCookie(netns);
}

/** The directories on any bpffs that hold pins of a network namespace. */
export function findHomesOf(cookie: bigint): string[] {
  return findHomes().filter((home) => listPinDirectories(home, cookie).length > 0);
}

/** Those of them that are not `bpffs`, under whatever path. */
export function findHomesBeside(bpffs: string, cookie: bigint): string[] {
  const here = statSync(bpffs, { throwIfNoEntry: false });
  return findHomesOf(cookie).filter((home) => {
    const { dev, ino } = statSync(home);
    return dev !== here?.dev || ino !== here.ino;
  });
}

/**
 * The directories on any bpffs that hold pins of ours, of whichever network namespace, or none any more: they are
 * found wherever options put them. A file system that is mounted twice counts once.
 */
export function findHomes(): string[] {
  const seen = new Set<string>();
  const homes: string[] = [];
  for (const { mountPoint } of readMounts().filter((mount) => mount.type === "bpf")) {
    for (const directory of withSubdirectories(mountPoint, DEPTH)) {
      if (!isPrivateDirectory(join(directory, HOME))) continue;
      // Another command may have left it just now.
      const found = statSync(join(directory, HOME), { throwIfNoEntry: false });
      if (found === undefined || seen.has(`${found.dev}:${found.ino}`)) continue;
      seen.add(`${found.dev}:${found.ino}`);
      homes.push(directory);
    }
  }
  return homes;
}

function* withSubdirectories(directory: string, depth: number): Generator<string> {
  yield directory;
  if (depth === 0) return;
  // A home may be below a directory that has one, too; in a home there is none.
  for (const entry of list(directory)) {
    if (entry.isDirectory() && entry.name !== HOME)
      yield* withSubdirectories(join(directory, entry.name), depth - 1);
  }
}

/** Why `findHomes` would not find what is pinned in an existing directory on a bpffs; undefined: it would. */
export function whyNeverFound(bpffs: string): string | undefined {
  const path = realpathSync(bpffs);
  const below = relative(mountEntryOf(path).mountPoint, path)
    .split("/")
    .filter((name) => name !== "");
  if (below.includes(HOME)) return `is below a directory ${HOME}, which is for pins alone`;
  return below.length > DEPTH
    ? `is more than ${DEPTH} directories below where the file system is mounted`
    : undefined;
}

/** Directories of others come and go. */
function list(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return [];
    throw new TproxyError("SYSCALL_FAILED", `cannot look for installations in ${directory}`, { cause });
  }
}
