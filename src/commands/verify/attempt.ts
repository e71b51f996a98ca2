// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from "node:net";
import { type Address, formatAddress, sameAddress, unmapAddress } from "../../core/address.ts";
import { systemErrorCode } from "../../core/errors.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import { reset } from "../proxy/socket-descriptor.ts";
import type { Arrival } from "./check.ts";
import { endpointOf, findOtherEnd } from "./other-end.ts";
import { Target } from "./target.ts";

/** A connection to be made, by this process's user. */
export interface Attempt {
  readonly from: Address | undefined;
  readonly to: Address;
  /** Undefined: that of the listener. */
  readonly port: number | undefined;
  /** A listener is made at `to`, for this connection alone. */
  readonly listens: boolean;
  /** Milliseconds until it counts as one that nobody takes. */
  readonly patienceMs: number;
}

/** What was found, and the connection itself, which may be of use for a while. */
export interface Attempted {
  readonly arrival: Arrival;
  /** Cuts it off. */
  readonly end: () => void;
}

/** How often a connection is made again that ended before its other end was seen: proxies can be quick. */
const TRIES = 20;

/** Makes a connection and looks where it arrived. */
export async function attempt(wanted: Attempt): Promise<Attempted> {
  using target = new Target();
  let { port } = wanted;
  if (wanted.listens) {
    const bound = await target.listen(wanted.to, port ?? 0);
    if (typeof bound === "number") port = bound;
    else if (port === undefined) {
      return { arrival: { ...NOWHERE, state: "failed", code: bound.code }, end: () => {} };
    }
  }
  for (let tries = 1; ; tries++) {
    const attempted = await attemptOnce({ ...wanted, port: port ?? 0 }, target);
    if (attempted.arrival.state !== "closed" || tries === TRIES) return attempted;
  }
}

const NOWHERE: Omit<Arrival, "state"> = {
  client: undefined,
  otherEnd: undefined,
  reachedTarget: false,
  code: undefined,
};

/** How often the table of sockets is looked at while a connection is being made, in milliseconds. */
const INTERVAL_MS = 10;

function attemptOnce(
  { from, to, port, patienceMs }: Attempt & { readonly port: number },
  target: Target,
): Promise<Attempted> {
  return new Promise((resolve) => {
    const socket = connect({
      host: formatAddress(to),
      port,
      ...(from === undefined ? {} : { localAddress: formatAddress(from) }),
    });
    let seen: Arrival = { ...NOWHERE, state: "pending" };
    const look = () => {
      seen = lookAt(socket, seen, target);
      if (seen.otherEnd !== undefined && (seen.reachedTarget || !isAt(seen.otherEnd, to, port))) stop(seen);
    };
    const stop = (arrival: Arrival) => {
      clearInterval(timer);
      clearTimeout(patience);
      resolve({ arrival, end: () => reset(socket) });
    };
    const timer = setInterval(look, INTERVAL_MS);
    const patience = setTimeout(() => stop(seen), patienceMs);
    // Node.js makes the system call in the next tick, and this comes right behind it: a proxy has had no time yet.
    process.nextTick(look);
    socket.once("connect", look);
    socket.on("error", (error) => {
      const code = systemErrorCode(error) ?? error.message;
      if (seen.otherEnd !== undefined) stop(seen);
      // What was refused never got through, what was reset did.
      else stop({ ...seen, state: code === "ECONNRESET" ? "closed" : "failed", code });
    });
    socket.once("close", () => stop(seen.otherEnd === undefined ? { ...seen, state: "closed" } : seen));
  });
}

function isAt(otherEnd: Endpoint, to: Address, port: number): boolean {
  return otherEnd.port === port && sameAddress(otherEnd.address, unmapAddress(to));
}

function lookAt(socket: Socket, before: Arrival, target: Target): Arrival {
  const client = endpointOf(socket.localAddress, socket.localPort);
  if (client === undefined || socket.destroyed) return before;
  const otherEnd = findOtherEnd(client) ?? before.otherEnd;
  const state = socket.connecting && otherEnd === undefined ? "pending" : "connected";
  return { state, client, otherEnd, reachedTarget: target.took(client), code: undefined };
}
