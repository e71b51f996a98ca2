// SPDX-License-Identifier: Apache-2.0
import { constants, fstatSync, openSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { flock } from "../native/descriptors.ts";

/** Between two tries: flock(2) cannot wait for a given time, and its waiting would block the event loop. */
const PAUSE_MS = 20;

/**
 * Locks an existing file or directory against others who do the same, until disposed of or until the process
 * ends, however it ends. Throws LOCKED with the holder's pid after `timeoutMs`; INTERRUPTED once `terminated` is aborted.
 */
export async function lockFile(
  path: string,
  timeoutMs: number,
  terminated?: AbortSignal,
): Promise<Descriptor> {
  const file = new Descriptor(openSync(path, constants.O_RDONLY));
  try {
    const deadline = performance.now() + timeoutMs;
    await waitForLock(file.fd, { deadline, timeoutMs, what: path, terminated });
    return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

export interface Waiting {
  /** By performance.now(), in milliseconds. */
  readonly deadline: number;
  readonly timeoutMs: number;
  /** What is locked, for the error. */
  readonly what: string;
  /** Aborted when the user does not want it any more. */
  readonly terminated?: AbortSignal | undefined;
}

/** Waits for the exclusive lock on an open file. Tries at least once. */
export async function waitForLock(
  fd: number,
  { deadline, timeoutMs, what, terminated }: Waiting,
): Promise<void> {
  for (;;) {
    if (terminated?.aborted) throw interrupted();
    if (flock(fd, "exclusive")) return;
    if (performance.now() >= deadline) throw locked(fd, what, timeoutMs);
    await setTimeout(PAUSE_MS);
  }
}

function interrupted(): TproxyError {
  return new TproxyError("INTERRUPTED", "told to end by a signal while another tproxyctl was at work", {
    hint: "Nothing was changed. Run the command again.",
  });
}

function locked(fd: number, what: string, timeoutMs: number): TproxyError {
  const holder = holderOf(fd);
  const who = holder === undefined ? "a process that is not visible from here" : `process ${holder}`;
  return new TproxyError(
    "LOCKED",
    `waited ${timeoutMs / 1000} s for the lock on ${what}, which ${who} holds`,
    {
      hint: "Another tproxyctl is at work in this network namespace: try again when it has ended.",
    },
  );
}

function holderOf(fd: number): number | undefined {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return parseLockHolder(readFileSync("/proc/locks", "utf8"), dev, ino);
}

/**
 * Finds who holds the flock on a file in the text of /proc/locks. Undefined where nobody does, or somebody
 * whom the reader's PID namespace does not show. `device` is st_dev.
 */
export function parseLockHolder(text: string, device: bigint, inode: bigint): number | undefined {
  const key = `${hex(major(device))}:${hex(minor(device))}:${inode}`;
  for (const line of text.split("\n")) {
    // "1: FLOCK  ADVISORY  WRITE 1234 fe:00:42 0 EOF"; one who waits has an arrow: "1: -> FLOCK …".
    const [, type, , , pid, file] = line.split(/\s+/);
    if (type === "FLOCK" && file === key && Number(pid) > 0) return Number(pid);
  }
  return undefined;
}

/** The C library's gnu_dev_major and gnu_dev_minor. */
function major(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
}

function minor(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
}

function hex(value: bigint): string {
  return value.toString(16).padStart(2, "0");
}
