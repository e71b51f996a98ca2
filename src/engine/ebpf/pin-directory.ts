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
 * dots in names.
 */

/** The directory in a bpffs that holds all installations. */
export const HOME = "tproxyctl";

export const RECORD_PIN = "record";

/** `.rodata` is `map-rodata`. */
export function mapPin(name: string): string {
  return `map-${name.replaceAll(".", "")}`;
}

export function programPin(name: string): string {
  return `program-${name}`;
}

export function linkPin(key: string): string {
  return `link-${key}`;
}

/** A directory of pins: an installation, or one that never got that far. */
export interface PinDirectory {
  readonly path: string;
  readonly state: "installed" | "staging";
  readonly generation: number;
}

const NAME = /^(netns|staging)-(\d+)-(\d+)$/;

/**
 * All directories of this network namespace in one bpffs, the newest first. On a bpffs where everybody may make directories
 * (mode 1777, as the kernel has it), one of that name may be anybody's: what is in it says nothing.
 */
export function listPinDirectories(bpffs: string, cookie: bigint): PinDirectory[] {
  const home = join(bpffs, HOME);
  if (!isPrivateDirectory(home)) return [];
  return list(home)
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null && match[2] === String(cookie))
    .map((match) => ({
      path: join(home, match?.[0] ?? ""),
      state: match?.[1] === "netns" ? ("installed" as const) : ("staging" as const),
      generation: Number(match?.[3]),
    }))
    .sort((a, b) => b.generation - a.generation);
}

/** The installation among the directories of a network namespace. Without a record one is rubbish, whatever else is in it. */
export function currentOf(directories: readonly PinDirectory[]): PinDirectory | undefined {
  return directories.find(({ path, state }) => state === "installed" && existsSync(join(path, RECORD_PIN)));
}

/** Whether no other network namespace has anything in a bpffs, and nobody else in our home there. */
export function isAloneIn(bpffs: string, cookie: bigint): boolean {
  return list(join(bpffs, HOME)).every((name) => NAME.exec(name)?.[2] === String(cookie));
}

/** A new, empty directory to pin into. Throws BPFFS_UNUSABLE where none can be made. */
export function makeStaging(bpffs: string, cookie: bigint, generation: number): string {
  const path = join(bpffs, HOME, `staging-${cookie}-${generation}`);
  try {
    makeDirectory(join(bpffs, HOME));
    requirePrivate(join(bpffs, HOME));
    makeDirectory(path);
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
  renameSync(join(bpffs, HOME, `staging-${cookie}-${generation}`), target);
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

/** The names of the pins of one kind: `link` gives the keys of all links. */
export function pinsOf(directory: string, kind: "map" | "program" | "link"): string[] {
  const prefix = `${kind}-`;
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
