import { expect, test } from "vitest";
import type { Answer } from "../../../../src/commands/explain/answer.ts";
import { renderJson } from "../../../../src/commands/explain/render-json.ts";
import { renderText } from "../../../../src/commands/explain/render-text.ts";
import { type Connection, decide } from "../../../../src/plan/decide.ts";
import { decideWithoutProxy } from "../../../../src/plan/decide-proxy-down.ts";
import { address, samplePlan } from "../../../support/plan-samples.ts";

const PLAN = samplePlan({ outbound: { exclude: [443] }, dns: "all" });

function answer(connection: Connection, given = true): Answer {
  const sources: Answer["basis"]["sources"] = given
    ? new Map([
        ["redirect.outbound.excludePorts", "KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_EXCLUDE_PORTS"],
        ["redirect.dns.captureAll", "--redirect-all-dns-traffic"],
      ])
    : new Map();
  const installedAt = given ? undefined : "2026-01-02T03:04:05.006Z";
  const basis = { plan: PLAN, engine: "iptables" as const, installedAt, sources };
  const decision = decide(PLAN, connection);
  return { basis, connection, decision, withoutProxy: decideWithoutProxy(PLAN, decision) };
}

const EXCLUDED: Connection = {
  kind: "outbound",
  uid: 1000,
  from: address("10.0.0.1"),
  to: address("10.1.2.3"),
  port: 443,
};
const INBOUND: Connection = {
  kind: "inbound",
  from: address("fd00::9"),
  to: address("fd00::1"),
  port: 8080,
  interface: "eth0",
  forwarded: "inbound",
};
const QUERY: Connection = { kind: "dns", uid: 1000, to: address("1.1.1.1"), port: 53 };

test("in words, for options", () => {
  expect(renderText(answer(EXCLUDED))).toEqual([
    "a TCP connection of user 1000 from 10.0.0.1 to 10.1.2.3:443: left alone",
    "because outbound port 443 is excluded",
    "rule: excluded-port (redirect.outbound.excludePorts, --exclude-outbound-ports; " +
      "set by KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_EXCLUDE_PORTS)",
    "engine: iptables, not installed: from the options given",
  ]);
});

test("in words, for what is installed", () => {
  expect(renderText(answer(INBOUND, false))).toEqual([
    "a TCP connection from fd00::9 to [fd00::1]:8080 on eth0: to the proxy's inbound port 15006",
    "because all other inbound connections are redirected",
    "rule: all-inbound",
    "while nobody listens there: refused (redirect.whenProxyDown, --when-proxy-down)",
    "engine: iptables, installed 2026-01-02T03:04:05.006Z",
  ]);
});

test("where a setting came from is said once", () => {
  expect(renderText(answer(QUERY))).toEqual([
    "a UDP datagram of user 1000 to 1.1.1.1:53: to the DNS proxy's port 15053",
    "because all DNS queries are redirected",
    "rule: all-dns (redirect.dns.captureAll, --redirect-all-dns-traffic)",
    "while nobody listens there: not answered (redirect.whenProxyDown, --when-proxy-down)",
    "engine: iptables, not installed: from the options given",
  ]);
});

test("as JSON, for options", () => {
  expect(JSON.parse(renderJson(answer(EXCLUDED)))).toEqual({
    installed: false,
    engine: "iptables",
    connection: { kind: "outbound", uid: 1000, from: "10.0.0.1", to: "10.1.2.3", port: 443 },
    decision: {
      result: "untouched",
      rule: "excluded-port",
      reason: "outbound port 443 is excluded",
      setting: "redirect.outbound.excludePorts",
      flag: "--exclude-outbound-ports",
      source: "KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_EXCLUDE_PORTS",
    },
  });
});

test("as JSON, for what is installed", () => {
  expect(JSON.parse(renderJson(answer(INBOUND, false)))).toEqual({
    installed: true,
    engine: "iptables",
    installedAt: "2026-01-02T03:04:05.006Z",
    connection: { kind: "inbound", from: "fd00::9", to: "fd00::1", port: 8080, interface: "eth0" },
    decision: {
      result: "inbound",
      port: 15006,
      rule: "all-inbound",
      reason: "all other inbound connections are redirected",
      withoutProxy: { result: "refused", setting: "redirect.whenProxyDown", flag: "--when-proxy-down" },
    },
  });
});
