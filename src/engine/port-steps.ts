// SPDX-License-Identifier: Apache-2.0
import type { ProxyPorts } from "./iptables/engine.ts";

/**
 * How programs with rules for virtual networks beside them get other ports: the ports of each change, one after the other.
 * Programs that change in place know the outbound port of before as long as rules may send there, and the last change
 * lets it go. Programs of before, which stay for a while where they do not change in place, know no port that comes after
 * them: so the outbound port changes in place. Pure.
 *
 * @param before undefined: nothing is there, or nobody knows
 * @param isInPlace whether programs of before go on with the same maps; false: the other engine was there, too
 */
export function portSteps(
  before: ProxyPorts | undefined,
  wanted: ProxyPorts,
  isInPlace: boolean,
): readonly ProxyPorts[] {
  if (before === undefined) return [wanted];
  const isSameOutbound = before.outbound === wanted.outbound;
  if (isSameOutbound && before.inbound === wanted.inbound) return [wanted];
  const bridge = isInPlace ? [] : [before];
  if (isSameOutbound) return [...bridge, wanted];
  // A port that is for the other direction now: not in place. The inbound port of before is taken for inbound by the programs
  // of before, which is its own listener.
  const turnsLater = wanted.inbound === before.outbound && wanted.outbound !== before.inbound;
  const changed = turnsLater ? { outbound: wanted.outbound, inbound: before.inbound } : wanted;
  return [...bridge, changed, wanted];
}
