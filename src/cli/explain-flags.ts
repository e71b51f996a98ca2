// SPDX-License-Identifier: Apache-2.0
import type { Flag } from "../config/flag.ts";

export const EXPLAIN_JSON: Flag = { name: "json", help: "print JSON" };
export const EXPLAIN_UID: Flag = { name: "uid", argument: "USER", help: "whose it is: a user's name or UID" };
export const EXPLAIN_OUTBOUND_FROM: Flag = {
  name: "from",
  argument: "ADDRESS",
  help: "what the socket is bound to, where it is",
};
export const EXPLAIN_INBOUND_FROM: Flag = {
  name: "from",
  argument: "ADDRESS",
  help: "the host that it comes from",
};
export const EXPLAIN_TO: Flag = {
  name: "to",
  argument: "ADDRESS:PORT",
  help: "where it goes: 10.1.2.3:443, [fd00::1]:443",
};
export const EXPLAIN_INBOUND_TO: Flag = {
  name: "to",
  argument: "[ADDRESS]:PORT",
  help: "where it goes: :8080 for an address of this host",
};
export const EXPLAIN_SERVER: Flag = {
  name: "to",
  argument: "ADDRESS",
  help: "the name server that is asked",
};
export const EXPLAIN_IFACE: Flag = {
  name: "iface",
  argument: "NAME",
  help: "the interface that it arrives on, where the address does not tell",
};

/** What each kind is asked with, apart from the flags of install. */
export const EXPLAIN_QUESTIONS = {
  outbound: [EXPLAIN_UID, EXPLAIN_OUTBOUND_FROM, EXPLAIN_TO, EXPLAIN_JSON],
  inbound: [EXPLAIN_INBOUND_FROM, EXPLAIN_INBOUND_TO, EXPLAIN_IFACE, EXPLAIN_JSON],
  dns: [EXPLAIN_UID, EXPLAIN_SERVER, EXPLAIN_JSON],
} as const satisfies Record<string, readonly Flag[]>;

export type ExplainKind = keyof typeof EXPLAIN_QUESTIONS;
