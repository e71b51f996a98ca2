// SPDX-License-Identifier: Apache-2.0
import { check } from "./errno.ts";
import { libc } from "./libc.ts";

export const CLONE = { NEWNS: 0x00020000, NEWCGROUP: 0x02000000, NEWNET: 0x40000000 } as const;

/**
 * Moves the main thread, and only that, into the namespace that `fd` stands for: libuv's threads stay behind,
 * so nothing asynchronous may run until it is back.
 */
export function setns(fd: number, type: keyof typeof CLONE): void {
  check(libc().setns(fd, CLONE[type]), `setns(fd ${fd}, CLONE_${type})`);
}

/** Puts the main thread, and only that, into a new namespace. */
export function unshare(type: keyof typeof CLONE): void {
  check(libc().unshare(CLONE[type]), `unshare(CLONE_${type})`);
}
