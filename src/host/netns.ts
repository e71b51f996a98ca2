// SPDX-License-Identifier: Apache-2.0
import { closeSync, statSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { getsockopt, socket } from "../native/sockets.ts";

/** The network namespace of this thread (the process's own may be another, see setns). */
export const NETNS_PATH = "/proc/thread-self/ns/net";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;
const ENOPROTOOPT = 92;

/**
 * The network namespace of the main thread. Ladder for the cookie:
 * 1. SO_NETNS_COOKIE on any socket of the namespace (Linux 5.14);
 * 2. not there yet, for 5.7 to 5.13: a program at cgroup/connect4, attached to a cgroup of our own, that writes
 *    `bpf_get_netns_cookie` of a socket of ours into a map.
 *
 * Throws KERNEL_TOO_OLD where no step of it works.
 */
export function readNetns(): NetnsFact {
  return { inode: statSync(NETNS_PATH).ino, cookie: cookieOfSocket() };
}

function cookieOfSocket(): bigint {
  // A UNIX socket: it exists in every kernel, and making one loads no module.
  const fd = socket(AF_UNIX, SOCK_DGRAM);
  try {
    const value = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, 8);
    return new BigUint64Array(value.slice().buffer)[0] ?? 0n;
  } catch (cause) {
    if (!(cause instanceof TproxyError) || cause.errno !== ENOPROTOOPT) throw cause;
    throw new TproxyError("KERNEL_TOO_OLD", "the kernel does not tell the cookie of a network namespace", {
      cause,
      hint: "The eBPF engine needs SO_NETNS_COOKIE, which is in Linux 5.14 and newer; --engine=iptables does not.",
    });
  } finally {
    closeSync(fd);
  }
}
