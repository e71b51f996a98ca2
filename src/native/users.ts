// SPDX-License-Identifier: Apache-2.0
import { ERRNO, syscallError } from "./errno.ts";
import { libc } from "./libc.ts";
import { koffi } from "./library.ts";

/** A user as the system knows it, whichever way NSS came to know it (files, LDAP, systemd). */
export interface Passwd {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user of that name; undefined where there is none. */
export function getpwnam(name: string): Passwd | undefined {
  return lookUp(`getpwnam_r(${name})`, (...entry) => libc().getpwnam_r(name, ...entry));
}

/** The user of that number; undefined where there is none. */
export function getpwuid(uid: number): Passwd | undefined {
  return lookUp(`getpwuid_r(${uid})`, (...entry) => libc().getpwuid_r(uid, ...entry));
}

type Call = (passwd: Uint8Array, buffer: Uint8Array, size: number, result: BigUint64Array) => number;

/** What getpwnam(3) allows an implementation to say instead of "no such user". */
const NOT_FOUND: readonly number[] = [ERRNO.ENOENT, ERRNO.ESRCH, ERRNO.EBADF, ERRNO.EPERM];

const LARGEST_ENTRY = 1 << 20;

function lookUp(name: string, call: Call): Passwd | undefined {
  const passwd = Buffer.alloc(48);
  const result = new BigUint64Array(1);
  for (let size = 1024; ; size *= 4) {
    const strings = Buffer.alloc(size);
    const errno = call(passwd, strings, size, result);
    if (errno === ERRNO.ERANGE && size < LARGEST_ENTRY) continue;
    if (errno !== 0 && !NOT_FOUND.includes(errno)) throw syscallError(name, errno);
    return result[0] === 0n ? undefined : decode(passwd);
  }
}

/** `struct passwd` of glibc and musl begins: char *name, *password; uid_t uid; gid_t gid. */
function decode(passwd: Buffer): Passwd {
  return {
    name: koffi().decode.string(passwd.readBigUInt64LE(0)),
    uid: passwd.readUInt32LE(16),
    gid: passwd.readUInt32LE(20),
  };
}
