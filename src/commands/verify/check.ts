// SPDX-License-Identifier: Apache-2.0
import type { Address, Family } from "../../core/address.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";

/** Who makes a connection: an application, or the proxy itself. */
export type Actor = "application" | "proxy";

/** One connection (or query) to be made, and where it has to arrive. */
export interface Check {
  /** A short name that does not change, for programs: "outbound". */
  readonly name: CheckName;
  readonly family: Family;
  readonly actor: Actor;
  readonly uid: number;
  /** What the socket is bound to; undefined: nothing. */
  readonly from: Address | undefined;
  readonly to: Address;
  /** 1–65535; undefined: that of the listener. */
  readonly port: number | undefined;
  /** A listener is made where it goes, for this connection alone: where it is left alone, that takes it. */
  readonly listens: boolean;
  readonly protocol: "tcp" | "udp" | "udp-connected";
  readonly expected: "outbound" | "inbound" | "dns" | "untouched";
}

export type CheckName =
  | "outbound"
  | "own-application"
  | "proxy-elsewhere"
  | "localhost"
  | "proxy-localhost"
  | "passthrough"
  | "dns"
  | "dns-unconnected"
  | "inbound"
  | "state";

/** What cannot be tried here, and why: a sentence without a full stop. */
export interface Untried {
  readonly name: CheckName;
  readonly family: Family | undefined;
  readonly why: string;
}

/** Where a connection arrived, as the kernel's table of sockets has it. */
export interface Arrival {
  /** "connected"; "pending": it is still being made; "closed": it ended before its other end was seen. */
  readonly state: "connected" | "pending" | "closed" | "failed";
  /** Our own end; undefined where there never was one. */
  readonly client: Endpoint | undefined;
  /** The other end, where that is a socket of this network namespace. */
  readonly otherEnd: Endpoint | undefined;
  /** Whether a listener that was made for this connection took it. */
  readonly reachedTarget: boolean;
  /** The errno's name, where it failed: "ECONNREFUSED". */
  readonly code: string | undefined;
}

/** What became of a query. */
export interface Answered {
  /** Who answered; undefined: nobody. */
  readonly answeredBy: Endpoint | undefined;
  /** By the listener that verify made in the place of the DNS proxy. */
  readonly marked: boolean;
  /** Our own end, of a connected socket. */
  readonly client: Endpoint | undefined;
  /** Whom the kernel sends it to, of a connected socket. */
  readonly kernelPeer: Endpoint | undefined;
  readonly code: string | undefined;
}

export interface CheckResult {
  readonly name: CheckName;
  readonly family: Family | undefined;
  readonly state: "ok" | "failed" | "not-tried";
  /** It is a real connection that was intercepted. */
  readonly proof: boolean;
  /** What was done: "a connection of user 1000 to 192.0.2.1:80". */
  readonly what: string;
  /** What happened, or why it was not tried. */
  readonly found: string;
  /** Of what failed: what should have happened. */
  readonly expected?: string;
  /** Of what failed: what the user can do, a full sentence. */
  readonly remedy?: string;
}
