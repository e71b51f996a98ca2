// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { describeError, systemErrorCode, TproxyError } from "../../core/errors.ts";
import { isPrivateDirectory } from "../../host/run-directory.ts";

/*
 * <bpffs>/tproxyctl/                          ours
 *   netns-<cookie>-<generation>/              an installation; the highest generation is the current one
 *     record                                  what it remembers of itself
 *     map-<name> program-<name> link-<key>
 *   staging-<cookie>-<generation>/            an installation that is being made; without its maker: rubbish
 *
 * A staging directory becomes the installation by being renamed, when everything in it works. bpffs allows no
 * dots in names. The names of the directories and of the record are those of every version; a version with another
 * format of the record may have other pins beside it.
 */

/** The directory in a bpffs that holds all installations. */
export const HOME = "tproxyctl";

export const RECORD_PIN = "record";

const PREFIX = { map: "map-", program: "program-", link: "link-" } as const;

/** `.rodata` is `map-rodata`. */
export function mapPin(name: string): string {
  return `${PREFIX.map}${name.replaceAll(".", "")}`;
}

export function programPin(name: string): string {
  return `${PREFIX.program}${name}`;
}

export function linkPin(key: string): string {
  return `${PREFIX.link}${key}`;
}

/** A directory of pins: an installation, or one that never got that far. */
export interface PinDirectory {
  readonly path: string;
  /** The home that it is in. */
  readonly bpffs: string;
  readonly state: "installed" | "staging";
  readonly generation: number;
}

/** To make a directory in a home that others leave at the same time. */
const ATTEMPTS = 10;

const NAME = /^(netns|staging)-(\d+)-(\d+)$/;

/**
 * All directories of this network namespace in one bpffs, the newest first. On a bpffs where everybody may make directories
 * (mode 1777, as the kernel has it), one of that name may be anybody's: what is in it says nothing.
 */
export function listPinDirectories(bpffs: string, cookie: bigint): PinDirectory[] {
  return listAllPinDirectories(bpffs)
    .filter((directory) => directory.cookie === String(cookie))
    .map(({ cookie: _, ...directory }) => directory)
    .sort((a, b) => b.generation - a.generation);
}

/** Those of all network namespaces, whose cookie is in their name. */
export function listAllPinDirectories(bpffs: string): (PinDirectory & { readonly cookie: string })[] {
  const home = join(bpffs, HOME);
  if (!isPrivateDirectory(home)) return [];
  return list(home)
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map(([name, state, cookie = "", generation]) => ({
      path: join(home, name),
      bpffs,
      state: state === "netns" ? "installed" : "staging",
      generation: Number(generation),
      cookie,
    }));
}

/** Where an installation is made. */
export function stagingPath(bpffs: string, cookie: bigint, generation: number): string {
  return join(bpffs, HOME, `staging-${cookie}-${generation}`);
}

/** Whether no other network namespace has anything in a bpffs, and nobody else in our home there. */
export function isAloneIn(bpffs: string, cookie: bigint): boolean {
  return list(join(bpffs, HOME)).every((name) => NAME.exec(name)?.[2] === String(cookie));
}

/** Whether there is a home in a bpffs with nothing in it. */
export function isHomeEmpty(bpffs: string): boolean {
  return isPrivateDirectory(join(bpffs, HOME)) && list(join(bpffs, HOME)).length === 0;
}

/** A new, empty directory to pin into. Throws BPFFS_UNUSABLE where none can be made. */
export function makeStaging(bpffs: string, cookie: bigint, generation: number): string {
  const path = stagingPath(bpffs, cookie, generation);
  try {
    makeInHome(join(bpffs, HOME), path);
  } catch (cause) {
    if (cause instanceof TproxyError) throw cause;
    throw new TproxyError(
      "BPFFS_UNUSABLE",
      `cannot make a directory for the pins in ${bpffs}: ${describeError(cause)}`,
      {
        cause,
        hint: "Name a directory on a BPF file system that can be written to with --ebpf-bpffs-path.",
      },
    );
  }
  return path;
}

/** Who has another /run has another lock, and may remove the home, which is empty, before anything is in it. */
function makeInHome(home: string, path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      makeDirectory(home);
      requirePrivate(home);
      makeDirectory(path);
      return;
    } catch (error) {
      const hasGone = systemErrorCode(error) === "ENOENT" || !existsSync(home);
      if (!hasGone || attempt === ATTEMPTS) throw error;
    }
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
}

function requirePrivate(home: string): void {
  if (isPrivateDirectory(home)) return;
  throw new TproxyError(
    "BPFFS_UNUSABLE",
    `cannot use ${home} for the pins: others could change what is in it`,
    {
      hint: "It was there before, and is not root's alone: look who made it and remove it, or name another directory with --ebpf-bpffs-path.",
    },
  );
}

/** From here on it is the installation. Returns the new path. */
export function promoteStaging(bpffs: string, cookie: bigint, generation: number): string {
  const target = join(bpffs, HOME, `netns-${cookie}-${generation}`);
  renameSync(stagingPath(bpffs, cookie, generation), target);
  return target;
}

/** Unpins everything in a directory and removes it. What is not there any more is no error. */
export function removePinDirectory(path: string): void {
  for (const name of list(path)) unlinkSync(join(path, name));
  removeIfEmpty(path);
}

/** Removes the common directory after the last installation has left it. */
export function removeHome(bpffs: string): void {
  removeIfEmpty(join(bpffs, HOME));
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (cause) {
    if (["ENOENT", "ENOTEMPTY"].includes(systemErrorCode(cause) ?? "")) return;
    throw new TproxyError("SYSCALL_FAILED", `cannot remove the directory ${path}`, { cause });
  }
}

/** The names of all pins in a directory. */
export function allPins(directory: string): string[] {
  return list(directory);
}

/** The names of the pins of one kind: `link` gives the keys of all links. */
export function pinsOf(directory: string, kind: keyof typeof PREFIX): string[] {
  const prefix = PREFIX[kind];
  return list(directory)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return [];
    throw new TproxyError("SYSCALL_FAILED", `cannot list ${path}`, { cause });
  }
}
