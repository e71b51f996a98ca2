// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import { setsockopt } from "../../native/sockets.ts";

/**
 * The file descriptor of a socket, which Node.js has no public way to ask for. Undefined once it is closed.
 * It is Node's: to look at, not to close.
 */
export function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, "fd");
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}

const SOL_SOCKET = 1;
const SO_LINGER = 13;
/** struct linger { int on = 1; int seconds = 0; } */
const NO_LINGER = new Uint8Array(Int32Array.of(1, 0).buffer);

/**
 * Closes a connection by a reset, at once, so that the peer cannot take it for a proper end.
 *
 * Not by `resetAndDestroy()`: that waits until the peer has read all that is buffered, sends a FIN first, and
 * while a connection is being made waits for that as well (Node.js 24).
 */
export function reset(socket: Socket): void {
  const fd = descriptorOf(socket);
  if (!socket.destroyed && fd !== undefined) setsockopt(fd, SOL_SOCKET, SO_LINGER, NO_LINGER);
  socket.destroy();
}
