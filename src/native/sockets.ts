// SPDX-License-Identifier: Apache-2.0
import { check, ERRNO, syscallError } from "./errno.ts";
import { libc } from "./libc.ts";

/** Reads a socket option of at most `length` bytes. */
export function getsockopt(fd: number, level: number, option: number, length: number): Uint8Array {
  const value = new Uint8Array(length);
  const size = Uint32Array.of(length);
  check(libc().getsockopt(fd, level, option, value, size), `getsockopt(fd ${fd}, ${level}, ${option})`);
  return value.subarray(0, size[0]);
}

export function setsockopt(fd: number, level: number, option: number, value: Uint8Array): void {
  const call = `setsockopt(fd ${fd}, ${level}, ${option})`;
  check(libc().setsockopt(fd, level, option, value, value.length), call);
}

const SOCK_CLOEXEC = 0o2000000;

/** A new socket, closed on exec. */
export function socket(domain: number, type: number, protocol = 0): number {
  return check(
    libc().socket(domain, type | SOCK_CLOEXEC, protocol),
    `socket(${domain}, ${type}, ${protocol})`,
  );
}

/** 0, or `-errno`: what comes of a connection is an answer, not always an error. */
export function connect(fd: number, address: Uint8Array): number {
  return libc().connect(fd, address, address.length);
}

/** The index of an interface in the current network namespace. */
export function if_nametoindex(name: string): number {
  const index = libc().if_nametoindex(name);
  if (index === 0) throw syscallError(`if_nametoindex(${name})`, ERRNO.ENODEV);
  return index;
}
