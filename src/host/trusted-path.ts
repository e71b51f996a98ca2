// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemErrorCode } from "../core/errors.ts";

/** Others than those who are trusted could change what a path leads to. The message is a clause. */
export class Untrusted extends Error {}

/** Who may change what root loads or runs: root, who runs this, and who can change this program anyhow. */
export interface Trust {
  readonly users: ReadonlySet<number>;
  /** Whose members may write to this program: in a clone, the group of one user alone. */
  readonly group: number | undefined;
  /** The directory of this program. What lies above it is not looked at for what lies in it. */
  readonly root: string;
}

/** As many symbolic links as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * Follows a path from the root on, as the kernel does, and looks at each step: all directories, those of symbolic links too,
 * and what is at the end belong to who is trusted, and nobody else may write there. The sticky bit of /tmp is not
 * enough: what is there today may be gone tomorrow, and then be anybody's. In such a path nobody else can change a thing, so
 * what is found is still there when it is opened.
 *
 * @param path absolute
 * @returns the path without symbolic links
 * @throws Untrusted; the system's error where something is missing
 */
export function resolveTrusted(path: string, trust: Trust = ownTrust()): string {
  const { steps, end } = follow(path);
  const isInside = (step: string) => step === trust.root || step.startsWith(`${trust.root}/`);
  for (const [step, stats] of steps) if (isInside(step) || !isInside(end)) requireTrusted(step, stats, trust);
  return end;
}

/**
 * Reads a file that only those who are trusted can change, all of it from one descriptor.
 *
 * @param path absolute
 * @param largest in bytes
 * @throws Untrusted, also for what is no file or is larger; the system's error where it cannot be read
 */
export function readTrusted(path: string, largest: number, trust: Trust = ownTrust()): Buffer {
  const real = resolveTrusted(path, trust);
  // A pipe would otherwise wait for who writes.
  const fd = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    requireTrusted(real, stats, trust);
    if (stats.size > largest) throw new Untrusted(`${real} has ${stats.size} bytes, more than ${largest}`);
    // What a directory has to say to this, the system says.
    if (stats.isFile() || stats.isDirectory()) return readFileSync(fd);
    throw new Untrusted(`${real} is not a file`);
  } finally {
    closeSync(fd);
  }
}

/** Root alone, whoever's this program is: for what goes on by itself when nobody looks any more. */
export const ROOT_ALONE: Trust = { users: new Set([0]), group: undefined, root: "/" };

/** Why a path is not to be trusted, as a clause; undefined where it is. */
export function findDistrust(path: string, trust?: Trust): string | undefined {
  try {
    resolveTrusted(path, trust);
    return undefined;
  } catch (error) {
    // It may have gone meanwhile.
    if (error instanceof Untrusted || (error instanceof Error && systemErrorCode(error) !== undefined))
      return error.message;
    throw error;
  }
}

function ownTrust(): Trust {
  const here = new URL(".", import.meta.url);
  const root = new URL(here.pathname.endsWith("/src/host/") ? "../../" : "../", here);
  const { uid, gid, mode } = statSync(fileURLToPath(import.meta.url));
  return {
    users: new Set([0, process.geteuid?.() ?? 0, uid]),
    group: (mode & 0o020) === 0 ? undefined : gid,
    root: realpathSync(fileURLToPath(root)),
  };
}

type Step = readonly [path: string, stats: Stats];

function follow(path: string): { readonly steps: readonly Step[]; readonly end: string } {
  const steps: Step[] = [["/", lstatSync("/")]];
  const rest = partsOf(path).reverse();
  let links = 0;
  let end = "/";
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === "..") {
      end = dirname(end);
      continue;
    }
    const next = join(end, name);
    const stats = lstatSync(next);
    if (stats.isSymbolicLink()) {
      if (++links > MOST_LINKS) throw new Untrusted(`the symbolic links of ${path} go round in circles`);
      const target = readlinkSync(next);
      rest.push(...partsOf(target).reverse());
      if (target.startsWith("/")) end = "/";
      continue;
    }
    steps.push([next, stats]);
    end = next;
  }
  return { steps, end };
}

function partsOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function requireTrusted(path: string, { uid, gid, mode }: Stats, { users, group }: Trust): void {
  if (!users.has(uid)) throw new Untrusted(`${path} belongs to user ${uid}`);
  const byEverybody = (mode & 0o002) !== 0;
  const byGroup = (mode & 0o020) !== 0 && gid !== group;
  if (!byEverybody && !byGroup) return;
  const who = byEverybody ? "everybody" : `group ${gid}`;
  throw new Untrusted(`${path} can be written to by ${who} (mode ${(mode & 0o7777).toString(8)})`);
}
