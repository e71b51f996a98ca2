// SPDX-License-Identifier: Apache-2.0
import {
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { bootId } from "./boot.ts";
import { lockFile, type Waiting, waitForLock } from "./file-lock.ts";
import { holdLock } from "./held-locks.ts";
import { NETNS_PATH } from "./netns.ts";
import { makePrivateDirectory, RUN_DIRECTORY, removeIfEmpty } from "./run-directory.ts";

export interface LockOptions {
  /** How long to wait for another holder, in milliseconds. */
  readonly timeoutMs?: number;
  /** Where the lock files are; its parent must exist. */
  readonly directory?: string;
  /** Where it is aborted, the lock is not wanted any more. */
  readonly terminated?: AbortSignal;
}

/** A lock that can be told what its holder is about to do, for the next one if the holder is killed on the way. */
export interface Journal extends Disposable {
  /** What a holder that was killed intended last; "" where there was none. */
  readonly leftover: string;
  /** One line; "" when it is done. */
  intend(text: string): void;
}

const TIMEOUT_MS = 60_000;

/**
 * The lock that whoever changes a network namespace holds: disposed of, or gone with the process, however that
 * ends. `inode` is the namespace's own (`NetnsFact`). Nothing is left behind: the file and the empty directory go
 * with the lock; what a killed holder leaves, the next one takes over and removes. Ladder:
 * 1. the file /run/tproxyctl/net-<inode>.lock, which nobody but root can lock;
 * 2. where /run is missing or read-only (an init container): the namespace's own file in /proc. Whoever is in the
 *    namespace could lock that, so it comes second.
 *
 * Processes with another /run, or on another step of the ladder, do not see each other's lock. Throws LOCKED, with
 * the holder's pid, after the time given; LOCKED at once where the directory is not safe; INTERRUPTED once `terminated` is
 * aborted.
 */
export async function lockNamespace(inode: number, options: LockOptions = {}): Promise<Disposable> {
  return lockByName(`net-${inode}`, options, (timeoutMs) =>
    lockOwnNamespace(inode, timeoutMs, options.terminated),
  );
}

/**
 * The lock that whoever mounts, unmounts, enters or leaves a BPF file system holds, in every network namespace:
 * several may share one. As `lockNamespace`, with the mount namespace's own file on the second step of the ladder.
 */
export async function lockBpffs(options: LockOptions = {}): Promise<Journal> {
  return lockByName("bpffs", options, (timeoutMs) => lockFile("/proc/self/ns/mnt", timeoutMs));
}

async function lockByName(
  name: string,
  { directory = RUN_DIRECTORY, timeoutMs = TIMEOUT_MS, terminated }: LockOptions,
  lockOtherwise: (timeoutMs: number) => Promise<Descriptor>,
): Promise<Journal> {
  const path = `${directory}/${name}.lock`;
  const waiting = { deadline: performance.now() + timeoutMs, timeoutMs, what: path, terminated };
  for (;;) {
    const file = openLockFile(directory, path);
    if (file === "read-only") return withoutJournal(await lockOtherwise(timeoutMs));
    if (file !== "vanished" && (await acquire(file, path, waiting)))
      return new LockedFile(file, directory, path);
  }
}

class LockedFile implements Journal {
  readonly leftover: string;
  readonly #file: Descriptor;
  readonly #directory: string;
  readonly #path: string;
  readonly #held: Disposable;

  constructor(file: Descriptor, directory: string, path: string) {
    this.leftover = readIntention(path);
    this.#file = file;
    this.#directory = directory;
    this.#path = path;
    this.#held = holdLock(file.fd);
    // Not lost if we are killed before it is dealt with.
    this.intend(this.leftover);
  }

  intend(text: string): void {
    ftruncateSync(this.#file.fd);
    writeSync(this.#file.fd, `${process.pid}\n${text === "" ? "" : `${text}\n${bootId()}\n`}`, 0);
  }

  /** Unlinks before it unlocks: those who wait notice that their file is no longer the one at the path. */
  [Symbol.dispose](): void {
    using _file = this.#file;
    using _held = this.#held;
    if (!isStillAt(this.#file.fd, this.#path)) return;
    unlinkSync(this.#path);
    removeIfEmpty(this.#directory);
  }
}

function openLockFile(directory: string, path: string): Descriptor | "vanished" | "read-only" {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  try {
    makePrivateDirectory(directory);
    return new Descriptor(openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)); // Node.js adds O_CLOEXEC
  } catch (cause) {
    if (cause instanceof TproxyError) throw cause;
    const code = systemErrorCode(cause);
    // A holder that went away removed the directory just before the file was made.
    if (code === "ENOENT" && hasParent(directory)) return "vanished";
    if (code === "EROFS" || code === "ENOENT") return "read-only";
    throw new TproxyError("SYSCALL_FAILED", `cannot make the lock file ${path}`, { cause });
  }
}

function hasParent(directory: string): boolean {
  return statSync(dirname(directory), { throwIfNoEntry: false }) !== undefined;
}

/** The second line of the file: its holder went away without disposing of the lock. One of another boot changed another kernel. */
function readIntention(path: string): string {
  const [, intention = "", boot] = readFileSync(path, "utf8").split("\n");
  return boot === bootId() ? intention : "";
}

/** False where the holder before us removed the file while we waited. */
async function acquire(file: Descriptor, path: string, waiting: Waiting): Promise<boolean> {
  try {
    await waitForLock(file.fd, waiting);
    if (isStillAt(file.fd, path)) return true;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
  file[Symbol.dispose]();
  return false;
}

function isStillAt(fd: number, path: string): boolean {
  const [open, there] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })];
  return there !== undefined && there.ino === open.ino && there.dev === open.dev;
}

function withoutJournal(lock: Descriptor): Journal {
  const held = holdLock(lock.fd);
  const dispose = () => {
    using _lock = lock;
    held[Symbol.dispose]();
  };
  return { leftover: "", intend: () => {}, [Symbol.dispose]: dispose };
}

async function lockOwnNamespace(
  inode: number,
  timeoutMs: number,
  terminated: AbortSignal | undefined,
): Promise<Descriptor> {
  if (statSync(NETNS_PATH).ino === inode) return lockFile(NETNS_PATH, timeoutMs, terminated);
  throw new TproxyError(
    "INTERNAL",
    "only the current network namespace can be locked without a writable /run",
  );
}
