// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server, type Socket } from "node:net";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import type { CommandIo } from "../io.ts";
import type { ProxyOptions } from "../options.ts";
import type { Direction } from "./direction.ts";
import { BUFFER_SIZE } from "./forward.ts";

/** A socket that takes redirected connections. */
export interface Listener {
  /** `0.0.0.0:15006`, `[::]:15006`. */
  readonly address: string;
  readonly server: Server;
}

export type OnConnection = (socket: Socket, direction: Direction) => void;

/** As long as net.core.somaxconn is by itself; the kernel takes the smaller of the two. */
const BACKLOG = 4096;

/**
 * Listens on both ports on all addresses, so that connections redirected to any loopback address arrive. One
 * socket for each family: an IPv6 one that takes IPv4 as well would need bindv6only to be off.
 *
 * @throws TproxyError PROXY_FAILED; nothing listens then.
 */
export async function listenOnAll(
  options: ProxyOptions,
  io: CommandIo,
  take: OnConnection,
): Promise<Listener[]> {
  const ports: readonly (readonly [Direction, number])[] = [
    ["inbound", options.inboundPort],
    ["outbound", options.outboundPort],
  ];
  const listeners: Listener[] = [];
  try {
    for (const [direction, port] of ports) listeners.push(await listen("0.0.0.0", port, direction, io, take));
    if (options.ipv6) listeners.push(...(await listenOnIpv6(ports, io, take)));
  } catch (error) {
    await closeAll(listeners);
    throw error;
  }
  return listeners;
}

async function listenOnIpv6(
  ports: readonly (readonly [Direction, number])[],
  io: CommandIo,
  take: OnConnection,
) {
  const listeners: Listener[] = [];
  for (const [direction, port] of ports) {
    try {
      listeners.push(await listen("::", port, direction, io, take));
    } catch (error) {
      const code = error instanceof TproxyError ? systemErrorCode(error.cause) : undefined;
      if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL") {
        await closeAll(listeners);
        throw error;
      }
      io.note("note: there is no IPv6 here; the proxy goes on with IPv4");
      return listeners;
    }
  }
  return listeners;
}

/** Stops listening. Resolves when the connections taken have ended, too. */
export async function closeAll(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map(({ server }) => new Promise((resolve) => server.close(resolve))));
}

function listen(host: string, port: number, direction: Direction, io: CommandIo, take: OnConnection) {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const server = createServer({
    // Each side may end its half by itself.
    allowHalfOpen: true,
    // What the client sends is left in the kernel until there is somewhere to put it.
    pauseOnConnect: true,
    noDelay: true,
    highWaterMark: BUFFER_SIZE,
  });
  server.on("connection", (socket) => take(socket, direction));
  return new Promise<Listener>((resolve, reject) => {
    const fail = (error: Error) => reject(listenError(address, direction, error));
    server.once("error", fail);
    server.listen({ host, port, ipv6Only: host.includes(":"), backlog: BACKLOG }, () => {
      server.off("error", fail);
      // accept(2) failed, for want of file descriptors: the connection is lost, the proxy goes on.
      server.on("error", (error) => io.note(`note: a connection to ${address} is lost: ${error.message}`));
      resolve({ address, server });
    });
  });
}

function listenError(address: string, direction: Direction, cause: Error): TproxyError {
  return new TproxyError("PROXY_FAILED", `cannot listen on ${address}: ${cause.message}`, {
    cause,
    hint: listenHint(address, direction, systemErrorCode(cause)),
  });
}

function listenHint(address: string, direction: Direction, code: string | undefined): string {
  const flag = `--${direction}-port`;
  const port = address.slice(address.lastIndexOf(":") + 1);
  if (code === "EADDRINUSE") {
    return `Another proxy listens there (\`ss -ltnp sport = :${port}\` names it): stop it, or choose a port by ${flag}.`;
  }
  if (code === "EACCES")
    return `Only root may listen below net.ipv4.ip_unprivileged_port_start: choose a port by ${flag}.`;
  return `Choose another port by ${flag}.`;
}
