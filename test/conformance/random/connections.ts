// Random connections: who connects, from where, to what.

import { parseAddress } from "../../../src/core/address.ts";
import type { EngineName } from "../../../src/engine/engine.ts";
import type { Connection as Asked } from "../../../src/plan/decide.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { address } from "../../support/plan-samples.ts";
import { PROXY_UID } from "../../support/world.ts";
import { endpoint } from "../situation.ts";
import {
  ANOTHER,
  APP,
  LOOPBACK,
  OTHER,
  OWN,
  PASSTHROUGH6,
  PORTS,
  REMOTE,
  TO_MANY,
  UNSPECIFIED,
} from "./places.ts";
import type { Random } from "./random.ts";

/** The clients: users of the service's host, and the hosts beside it with the interface that leads to them. */
export const CLIENTS = {
  app: { host: "service", uid: APP },
  another: { host: "service", uid: ANOTHER },
  proxy: { host: "service", uid: PROXY_UID },
  remote: { host: "remote", interface: "eth0", addresses: REMOTE },
  other: { host: "other", interface: "eth1", addresses: OTHER },
} as const;
export type ClientName = keyof typeof CLIENTS;

export interface Attempt {
  readonly client: ClientName;
  /** An IPv6 socket for an IPv4 connection. */
  readonly mapped: boolean;
  readonly from: string | undefined;
  readonly to: string;
  readonly port: number;
}

const WHO = ["app", "app", "another", "proxy", "proxy", "remote", "remote", "other"] as const;

export function randomAttempt(random: Random, plan: Plan): Attempt {
  const client = random.pick(WHO);
  const to = randomDestination(random, client, plan);
  const mapped = familyOf(to) === 4 && random.chance(25);
  const from = randomSource(random, client, to, plan);
  return { client, mapped, from, to, port: random.pick(PORTS) };
}

function randomDestination(random: Random, client: ClientName, plan: Plan): string {
  if (client === "remote") return random.chance(85) ? random.pick(OWN) : random.pick(OTHER);
  if (client === "other") return random.chance(85) ? random.pick(OWN) : random.pick(REMOTE);
  if (random.chance(50)) return random.pick([...REMOTE, ...OTHER]);
  if (random.chance(60)) return random.pick(OWN);
  if (random.chance(10) && plan.passthroughAddress !== "unwanted") return PASSTHROUGH6;
  return random.chance(60) ? random.pick(LOOPBACK) : random.pick([...UNSPECIFIED, ...TO_MANY]);
}

/** Of the family of `to`, and such that an answer comes back. */
function randomSource(random: Random, client: ClientName, to: string, plan: Plan): string | undefined {
  const family = familyOf(to);
  const ofFamily = (list: readonly string[]) => list.filter((each) => familyOf(each) === family);
  if (client === "remote" || client === "other") return pickAny(random, ofFamily(CLIENTS[client].addresses));
  const isLocal = [...OWN, ...LOOPBACK, PASSTHROUGH6].some((each) => each === to);
  if (isLocal && random.chance(15)) {
    if (family === 4) return "127.0.0.6";
    return plan.passthroughAddress === "unwanted" ? undefined : "::6";
  }
  return random.chance(15) ? pickAny(random, ofFamily(OWN)) : undefined;
}

function pickAny(random: Random, list: readonly string[]): string | undefined {
  const [first, ...rest] = list;
  return first === undefined ? undefined : random.pick([first, ...rest]);
}

function familyOf(text: string): number | undefined {
  return parseAddress(text)?.family;
}

/** The arguments of `tpnet connect`. */
export function toArguments({ mapped, from, to, port }: Attempt): string {
  return [
    `--to ${endpoint(to, port)}`,
    "--timeout 2000",
    ...(mapped ? ["--mapped"] : []),
    ...(from === undefined ? [] : [`--from ${from}`]),
  ].join(" ");
}

/** What `decide` is asked. The engines differ in what they do with connections between the other hosts. */
export function toAsked({ client, from, to, port, mapped }: Attempt, engine: EngineName): Asked {
  const who = CLIENTS[client];
  const destination = address(mapped ? `::ffff:${to}` : to);
  const source = from === undefined ? undefined : address(mapped ? `::ffff:${from}` : from);
  if ("uid" in who) return { kind: "outbound", uid: who.uid, from: source, to: destination, port };
  if (source === undefined) throw new Error("a connection from elsewhere comes from somewhere");
  const forwarded = engine === "iptables" ? "inbound" : "untouched";
  return { kind: "inbound", from: source, to: destination, port, interface: who.interface, forwarded };
}
