// SPDX-License-Identifier: Apache-2.0
import { Library } from "./library.ts";

/**
 * The C library under its own names. An int below zero is `-errno`: errno was read before anything else ran.
 * What Node.js has itself (open, close, statfs, geteuid) is not here.
 */
export type Libc = ReturnType<typeof bind>;

let loaded: Libc | undefined;

/** The C library that this process runs on, bound at first use. */
export function libc(): Libc {
  loaded ??= bind(
    new Library({
      name: null,
      code: "LIBC_UNUSABLE",
      hint: "tproxyctl needs glibc or musl on Linux; a statically linked Node.js cannot be used.",
    }),
  );
  return loaded;
}

type Bytes = Uint8Array;

function bind(library: Library) {
  return {
    ...bindSockets(library),
    ...bindDescriptors(library),
    ...bindUsers(library),
    vsnprintf: library.func<(text: Bytes, size: number, format: bigint, list: bigint | Bytes) => number>(
      "int vsnprintf(void *str, size_t size, void *format, void *ap)",
    ),
    /**
     * The way to read C's memory. koffi's `view` costs 230 bytes a call that are only given back when the event
     * loop turns, and what it shows may be freed while it is held.
     */
    memcpy: library.func<(target: Bytes, source: bigint, size: number) => unknown>(
      "void *memcpy(void *dest, const void *src, size_t n)",
    ),
    syscall: library.negated<[number: number, a: number, b: number, c: number]>(
      "long syscall(long number, long a, long b, long c)",
    ),
    prctl: library.negated<[option: number, a: number, b: number, c: number, d: number]>(
      "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
    ),
    /** Returns 0 or a positive errno, and that only for arguments that are not given here. */
    pthread_sigmask: library.func<(how: number, set: Bytes, before: Bytes | null) => number>(
      "int pthread_sigmask(int how, const void *set, void *oldset)",
    ),
    setns: library.negated<[fd: number, type: number]>("int setns(int fd, int nstype)"),
    unshare: library.negated<[flags: number]>("int unshare(int flags)"),
    mount: library.negated<
      [source: string, target: string, type: string, flags: number, data: string | null]
    >(
      "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
    ),
    umount2: library.negated<[target: string, flags: number]>("int umount2(const char *target, int flags)"),
  };
}

function bindSockets(library: Library) {
  type Name = [fd: number, address: Bytes, length: Uint32Array];
  return {
    socket: library.negated<[domain: number, type: number, protocol: number]>(
      "int socket(int domain, int type, int protocol)",
    ),
    bind: library.negated<[fd: number, address: Bytes, length: number]>(
      "int bind(int fd, const void *addr, uint32_t len)",
    ),
    connect: library.negated<[fd: number, address: Bytes, length: number]>(
      "int connect(int fd, const void *addr, uint32_t len)",
    ),
    listen: library.negated<[fd: number, backlog: number]>("int listen(int fd, int backlog)"),
    getsockname: library.negated<Name>("int getsockname(int fd, void *addr, void *len)"),
    getsockopt: library.negated<[fd: number, level: number, option: number, value: Bytes, size: Uint32Array]>(
      "int getsockopt(int fd, int level, int option, void *value, void *size)",
    ),
    setsockopt: library.negated<[fd: number, level: number, option: number, value: Bytes, size: number]>(
      "int setsockopt(int fd, int level, int option, const void *value, uint32_t size)",
    ),
    send: library.negated<[fd: number, data: Bytes, size: number, flags: number]>(
      "long send(int fd, const void *buf, size_t len, int flags)",
    ),
    recv: library.negated<[fd: number, data: Bytes, size: number, flags: number]>(
      "long recv(int fd, void *buf, size_t len, int flags)",
    ),
    /** 0 where there is no such interface. */
    if_nametoindex: library.func<(name: string) => number>("uint32_t if_nametoindex(const char *name)"),
  };
}

function bindDescriptors(library: Library) {
  return {
    fcntl: library.negated<[fd: number, command: number, argument: number]>(
      "int fcntl(int fd, int command, int argument)",
    ),
    flock: library.negated<[fd: number, operation: number]>("int flock(int fd, int operation)"),
  };
}

function bindUsers(library: Library) {
  type Entry = [passwd: Bytes, buffer: Bytes, size: number, result: BigUint64Array];
  return {
    /** Returns 0 or a positive errno, in spite of the other functions. */
    getpwnam_r: library.func<(name: string, ...entry: Entry) => number>(
      "int getpwnam_r(const char *name, void *pwd, void *buf, size_t len, void *result)",
    ),
    getpwuid_r: library.func<(uid: number, ...entry: Entry) => number>(
      "int getpwuid_r(uint32_t uid, void *pwd, void *buf, size_t len, void *result)",
    ),
  };
}
