// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, parseAddress } from "../../core/address.ts";
import { decide } from "../../plan/decide.ts";
import { candidatePorts } from "./candidates.ts";
import type { Check, Untried } from "./check.ts";
import { dnsChecks } from "./make-dns-checks.ts";
import {
  applicationUids,
  canBe,
  cannotBe,
  destinationsOf,
  ONLY_PROXY,
  type Situation,
  untried,
} from "./situation.ts";

export interface Checks {
  readonly checks: readonly Check[];
  readonly untried: readonly Untried[];
}

/** Which connections show that the plan is executed, and which of them cannot be made from here. Pure. */
export function makeChecks(situation: Situation): Checks {
  const made = families(situation).flatMap((family) => checksOf(situation, family));
  const checks = made.filter((each): each is Check => "expected" in each);
  const untried = made.filter((each): each is Untried => "why" in each);
  return { checks, untried: [...untried, ...fromOutside(situation)] };
}

function families({ plan }: Situation): readonly Family[] {
  return plan.ipv6 ? [4, 6] : [4];
}

function checksOf(situation: Situation, family: Family): readonly (Check | Untried)[] {
  const { surroundings, plan } = situation;
  // As kumactl: an address of the loopback interface alone is no IPv6.
  if (family === 6 && !surroundings.families.has(6)) {
    return [untried("outbound", 6, "this host has no IPv6 address besides those of its loopback interface")];
  }
  return [
    outbound(situation, family),
    ownApplication(situation, family),
    ...dnsChecks(situation, family),
    ...(plan.outbound.redirect ? leftAlone(situation, family) : []),
  ];
}

/** An application calls another host. */
function outbound(situation: Situation, family: Family): Check | Untried {
  const { plan } = situation;
  const name = "outbound";
  if (!plan.outbound.redirect) return untried(name, family, "outbound connections are not intercepted");
  const uids = applicationUids(situation);
  if (uids.length === 0) return untried(name, family, ONLY_PROXY);
  for (const { address: to } of destinationsOf(situation, family)) {
    for (const uid of uids) {
      for (const port of candidatePorts(plan)) {
        if (decide(plan, { kind: "outbound", uid, from: undefined, to, port }).result !== "outbound")
          continue;
        const rest = { actor: "application", from: undefined, protocol: "tcp", listens: false } as const;
        return { ...rest, name, family, uid, to, port, expected: "outbound" };
      }
    }
  }
  return untried(name, family, "no destination was found that is not excluded");
}

/**
 * The proxy calls an address of its own host: that is an inbound connection. As long as somebody listens there, a proxy
 * that passes it on keeps it for longer than it takes to be seen.
 */
function ownApplication(situation: Situation, family: Family): Check | Untried {
  const { plan, ownPort } = situation;
  const name = "own-application";
  if (!plan.inbound.redirect) return untried(name, family, "inbound connections are not intercepted");
  const uid = plan.proxyUser.uid;
  if (!canBe(situation, uid)) return untried(name, family, cannotBe("proxy", uid));
  const [from, to] = [LOCALHOST[family], PASSTHROUGH[family]];
  for (const port of [ownPort, ...candidatePorts(plan)]) {
    const { result } = decide(plan, { kind: "outbound", uid, from, to, port });
    if (result !== "inbound") continue;
    const rest = { actor: "proxy", protocol: "tcp", listens: true } as const;
    return { ...rest, name, family, uid, from, to, port, expected: "inbound" };
  }
  const why = plan.outbound.redirect
    ? "every port of it is excluded"
    : "without outbound interception the proxy's own connections are left alone";
  return untried(name, family, why);
}

/** What must not be intercepted, or the proxy would talk to itself. */
function leftAlone(situation: Situation, family: Family): readonly Check[] {
  const { plan } = situation;
  const { uid } = plan.proxyUser;
  const [application] = applicationUids(situation);
  const rest = { family, protocol: "tcp", expected: "untouched", from: undefined } as const;
  const here = { ...rest, port: undefined, listens: true } as const;
  const to = LOCALHOST[family];
  const checks: Check[] = [];
  if (application !== undefined) {
    checks.push({ ...here, name: "localhost", actor: "application", uid: application, to });
  }
  if (!canBe(situation, uid)) return checks;
  checks.push({ ...here, name: "proxy-localhost", actor: "proxy", uid, to });
  if (family === 4 || plan.passthroughAddress !== "unwanted") {
    const own = PASSTHROUGH[family];
    checks.push({ ...here, name: "passthrough", actor: "proxy", uid, from: own, to: own });
  }
  const [destination] = destinationsOf(situation, family);
  const [port] = candidatePorts(plan);
  if (destination === undefined || port === undefined) return checks;
  return [
    ...checks,
    { ...rest, name: "proxy-elsewhere", actor: "proxy", uid, to: destination.address, port, listens: false },
  ];
}

function fromOutside({ plan }: Situation): readonly Untried[] {
  if (!plan.inbound.redirect) return [];
  return [untried("inbound", undefined, "a connection from another host cannot be made from here")];
}

const LOCALHOST = addresses("127.0.0.1", "::1");
const PASSTHROUGH = addresses("127.0.0.6", "::6");

function addresses(ipv4: string, ipv6: string): Readonly<Record<Family, Address>> {
  const parse = (text: string) => parseAddress(text) ?? { family: 4, bytes: new Uint8Array(4) };
  return { 4: parse(ipv4), 6: parse(ipv6) };
}
