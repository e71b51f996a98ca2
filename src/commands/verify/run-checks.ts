// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import { findNatTarget } from "../../host/conntrack-lookup.ts";
import type { Plan } from "../../plan/plan.ts";
import { isRoot } from "../require-root.ts";
import type { Answered, Check, CheckResult } from "./check.ts";
import { judge, notTried, whyInVain } from "./judge.ts";
import { judgeAnswer, type NatTarget } from "./judge-answer.ts";
import { isShared, lookForHolders } from "./port-sockets.ts";
import type { Probe } from "./probe.ts";
import type { PortHolder } from "./stand-in.ts";

/** Milliseconds: for a connection that loopback makes at once, and for one that must be seen to go elsewhere. */
const PATIENCE = { intercepted: 1000, untouched: 300, query: 2000 } as const;

export interface RunContext {
  readonly plan: Plan;
  /** Who takes connections in the proxy's place. */
  readonly listener: Probe;
  /** It is the proxy's user: iptables knows the DNS proxy's answers by that. */
  readonly isProxy: boolean;
  readonly probeOf: (uid: number) => Promise<Probe>;
  /** Where nobody listens, connections go past the proxy: then nobody may listen in its place. */
  readonly bypasses: boolean;
  /** What comes after the first failure is not tried. */
  readonly untilFailure: boolean;
}

/** Makes the connections, one after the other, and judges each. */
export async function runChecks(checks: readonly Check[], context: RunContext): Promise<CheckResult[]> {
  if (checks.length === 0) return [];
  const holders = await listen(checks, context);
  const results: CheckResult[] = [];
  const silent = new Set<Family>();
  for (const check of checks) {
    const result = await runCheck(check, { holders, silent }, context);
    results.push(result);
    if (result.state === "failed" && context.untilFailure) break;
  }
  return results;
}

async function listen(
  checks: readonly Check[],
  { plan, listener, isProxy, bypasses }: RunContext,
): Promise<readonly PortHolder[]> {
  const wants = (expected: Check["expected"]) => checks.some((check) => check.expected === expected);
  const families = [...new Set<Family>(checks.map(({ family }) => family))];
  const wanted = {
    tcp: [
      ...(wants("outbound") ? [plan.outbound.port] : []),
      ...(wants("inbound") ? [plan.inbound.port] : []),
    ],
    dns: (isProxy || bypasses) && wants("dns") ? plan.dns.port : undefined,
    families,
  };
  return bypasses ? lookForHolders(wanted) : listener.listen(wanted);
}

interface Progress {
  readonly holders: readonly PortHolder[];
  /** Families in which a connected socket got no answer. */
  readonly silent: Set<Family>;
}

async function runCheck(
  check: Check,
  { holders, silent }: Progress,
  { plan, listener, probeOf }: RunContext,
): Promise<CheckResult> {
  const found = holderOf(check, holders, plan);
  const inVain = whyInVain(found);
  if (inVain !== undefined) return notTried(check, inVain);
  const probe = await probeOf(check.uid);
  const { from, to, port, listens, protocol, expected } = check;
  if (protocol !== "tcp") {
    const connected = protocol === "udp-connected";
    const answered = await probe.ask({ to, port: port ?? 0, connected, patienceMs: PATIENCE.query });
    const natTarget = lookUpNat(check, answered);
    const holder = answered.marked ? found : unlessShared(found);
    const isSilent = silent.has(check.family);
    if (answered.answeredBy === undefined && connected) silent.add(check.family);
    return judgeAnswer(check, { plan, answered, natTarget, holder, isSilent });
  }
  const patienceMs = expected === "untouched" && !listens ? PATIENCE.untouched : PATIENCE.intercepted;
  const arrival = await probe.attempt({ from, to, port, listens, patienceMs });
  const isOurs = found?.holder === "us" && arrival.otherEnd !== undefined && arrival.client !== undefined;
  const original = isOurs && arrival.client ? await listener.originalOf(arrival.client) : undefined;
  const holder = original === undefined ? unlessShared(found) : found;
  return judge(check, { plan, arrival, original, holder });
}

/** A proxy that started meanwhile beside us has what did not come to us. */
function unlessShared(holder: PortHolder | undefined): PortHolder | undefined {
  return holder?.holder === "us" && isShared(holder) ? { ...holder, holder: "proxy" } : holder;
}

/** Only root may ask conntrack, and only where NAT redirects does it know. */
function lookUpNat({ to, port }: Check, { client }: Answered): NatTarget {
  if (!isRoot() || client === undefined || port === undefined) return "unknown";
  try {
    return findNatTarget(client, { address: to, port }) ?? "none";
  } catch (error) {
    // No such module, or no such capability: then nothing is known.
    if (error instanceof TproxyError && error.code === "SYSCALL_FAILED") return "unknown";
    throw error;
  }
}

function holderOf(
  { expected, family }: Check,
  holders: readonly PortHolder[],
  plan: Plan,
): PortHolder | undefined {
  if (expected === "untouched") return undefined;
  const [protocol, port] = expected === "dns" ? ["udp", plan.dns.port] : ["tcp", plan[expected].port];
  return holders.find((each) => each.protocol === protocol && each.port === port && each.family === family);
}
