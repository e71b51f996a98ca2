// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from "node:net";
import { formatAddress } from "../../core/address.ts";
import { systemErrorCode } from "../../core/errors.ts";
import type { Direction } from "./direction.ts";
import type { Endpoint } from "./original-destination.ts";
import { reset } from "./socket-descriptor.ts";

/** How much waits in this process for each direction of a connection, in bytes. */
export const BUFFER_SIZE = 256 * 1024;

export interface Forwarded {
  /** Bytes from the client. */
  readonly bytesUp: number;
  /** Bytes from the destination. */
  readonly bytesDown: number;
  /** Why the connection ended, where it did not end properly. */
  readonly error: string | undefined;
}

/**
 * Where the proxy connects from when it hands a connection to its own application: an address that is never
 * redirected, whoever connects from it. Envoy's inbound pass-through does the same.
 */
const PASSTHROUGH_SOURCE = { 4: "127.0.0.6", 6: "::6" } as const;

/**
 * Connects on to the destination and copies both ways, each half until its end. What goes wrong on one side
 * resets the other one. Resolves when both are closed.
 */
export async function forward(
  client: Socket,
  destination: Endpoint,
  direction: Direction,
): Promise<Forwarded> {
  const upstream = connectOn(destination, direction);
  let error: string | undefined;
  const fail = (reason: string) => {
    error ??= reason;
    reset(client);
    reset(upstream);
  };
  client.on("error", (cause) => fail(`the client's side: ${cause.message}`));
  upstream.on("error", (cause) => fail(describeUpstreamError(cause, destination)));
  // Closed by the proxy itself, when it stops.
  client.on("close", () => {
    if (!client.readableEnded || !client.writableFinished) fail("cut off");
  });
  upstream.on("connect", () => {
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await Promise.all([closed(client), closed(upstream)]);
  return { bytesUp: client.bytesRead, bytesDown: upstream.bytesRead, error };
}

function connectOn({ address, port }: Endpoint, direction: Direction): Socket {
  const buffers = { highWaterMark: BUFFER_SIZE, allowHalfOpen: true };
  return connect({
    ...buffers,
    host: formatAddress(address),
    port,
    noDelay: true,
    ...(direction === "inbound" ? { localAddress: PASSTHROUGH_SOURCE[address.family] } : {}),
  });
}

function describeUpstreamError(error: Error, { address }: Endpoint): string {
  if (systemErrorCode(error) === "EADDRNOTAVAIL" && error.message.startsWith("bind ")) {
    const source = PASSTHROUGH_SOURCE[address.family];
    return `${error.message}: ${source} must be an address of this network namespace (\`tproxyctl install\` adds it)`;
  }
  return `the destination's side: ${error.message}`;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}
