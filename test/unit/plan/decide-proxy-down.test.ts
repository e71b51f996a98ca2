import { expect, test } from "vitest";
import type { WhenProxyDown } from "../../../src/config/config.ts";
import { decideWithoutProxy, type WithoutProxy } from "../../../src/plan/decide-proxy-down.ts";
import type { Result, RuleName } from "../../../src/plan/decide-result.ts";

test.each<[Result, RuleName, refuse: WithoutProxy | undefined, bypass: WithoutProxy | undefined]>([
  ["outbound", "all-outbound", "refused", "untouched"],
  ["inbound", "all-inbound", "refused", "untouched"],
  ["inbound", "own-application", "refused", "untouched"],
  ["dns", "all-dns", "unanswered", "untouched"],
  // The work of rules, whichever engine there is.
  ["outbound", "virtual-network", "refused", "refused"],
  ["untouched", "proxy", undefined, undefined],
  ["refused", "multicast", undefined, undefined],
])("%s by %s: %s, with bypass %s", (result, rule, refuse, bypass) => {
  const decision = { result, rule, port: undefined, reason: "", setting: undefined };
  const decided = (whenProxyDown: WhenProxyDown) => decideWithoutProxy({ whenProxyDown }, decision);
  expect([decided("refuse"), decided("bypass")]).toEqual([refuse, bypass]);
});
