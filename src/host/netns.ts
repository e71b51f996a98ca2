// SPDX-License-Identifier: Apache-2.0
import { closeSync, statSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { ERRNO } from "../native/errno.ts";
import { getsockopt, socket } from "../native/sockets.ts";

/** The network namespace of this thread (the process's own may be another, see setns). */
export const NETNS_PATH = "/proc/thread-self/ns/net";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;

/**
 * The network namespace of the main thread. Its cookie comes from SO_NETNS_COOKIE on any socket of the namespace,
 * which is in Linux 5.14 and newer; on an older kernel it is undefined (src/engine/netns.ts knows another way).
 *
 * @throws TproxyError SYSCALL_FAILED
 */
export function readNetnsOfSocket(): NetnsFact {
  return { inode: statSync(NETNS_PATH).ino, cookie: cookieOfSocket() };
}

function cookieOfSocket(): bigint | undefined {
  // A UNIX socket: it exists in every kernel, and making one loads no module.
  const fd = socket(AF_UNIX, SOCK_DGRAM);
  try {
    const value = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, 8);
    return new BigUint64Array(value.slice().buffer)[0];
  } catch (error) {
    if (error instanceof TproxyError && error.errno === ERRNO.ENOPROTOOPT) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}
