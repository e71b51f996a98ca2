// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { flock } from "../native/descriptors.ts";
import { NETNS_PATH } from "./netns.ts";
import { isPrivateDirectory, RUN_DIRECTORY } from "./run-directory.ts";

export interface Patience {
  /** How long to wait for others, in milliseconds. */
  readonly timeoutMs?: number;
  /** Where the lock files are. */
  readonly directory?: string;
}

const TIMEOUT_MS = 5000;
const PAUSE_MS = 20;

/**
 * Reads what whoever holds the lock of a network namespace (`lockNamespace`) may be changing: waits until nobody does, and
 * reads again where somebody did meanwhile. Without a lock of its own, which would be a file. What is `plausible` counts at
 * once: of a change half way, it says what is true of both. After the time given, what was read last counts, also if it
 * is an error.
 *
 * @param inode the namespace's own (`NetnsFact`)
 * @throws what `read` throws
 */
export async function readUndisturbed<T>(
  inode: number,
  read: () => Promise<T>,
  isPlausible: (value: T) => boolean,
  { timeoutMs = TIMEOUT_MS, directory = RUN_DIRECTORY }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  const isHeld = () => isLocked(`${directory}/net-${inode}.lock`, directory);
  for (;;) {
    while (isHeld() && performance.now() < deadline) await setTimeout(PAUSE_MS);
    const before = stampOf(directory);
    const isSettled = () =>
      performance.now() >= deadline || (!isHeld() && sameStamp(before, stampOf(directory)));
    try {
      const value = await read();
      if (isPlausible(value) || isSettled()) return value;
    } catch (error) {
      if (isSettled()) throw error;
    }
  }
}

/** As `lockNamespace` has it: its file, or where /run is missing or read-only, the namespace's own. */
function isLocked(path: string, directory: string): boolean {
  if (isPrivateDirectory(directory)) return isHeldByOthers(path);
  return !canBeWritten(dirname(directory)) && isHeldByOthers(NETNS_PATH);
}

/** Those who want the lock at this very moment try again soon. */
function isHeldByOthers(path: string): boolean {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const flags = path === NETNS_PATH ? O_RDONLY : O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  try {
    using file = new Descriptor(openSync(path, flags));
    return !flock(file.fd, "shared");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return false;
    throw new TproxyError("SYSCALL_FAILED", `cannot look at the lock ${path}`, { cause });
  }
}

function canBeWritten(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * What is another one when somebody has taken a lock and let it go: its file is made and removed, and the directory with
 * it, where that holds nothing else.
 */
function stampOf(directory: string): readonly (bigint | undefined)[] {
  return [directory, dirname(directory)].flatMap((path) => {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return [found?.ino, found?.mtimeNs];
  });
}

function sameStamp(one: ReturnType<typeof stampOf>, other: ReturnType<typeof stampOf>): boolean {
  return one.every((each, index) => each === other[index]);
}
