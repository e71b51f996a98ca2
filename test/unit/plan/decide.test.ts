import { describe, expect, test } from "vitest";
import { type Connection, decide } from "../../../src/plan/decide.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { address, prefix, samplePlan, type Wanted } from "../../support/plan-samples.ts";

/** 10.0.0.2 and fd00::2 on eth0, 10.1.0.2 on eth1. */
function plan(wanted: Wanted = {}, others: Partial<Plan> = {}): Plan {
  const local = (text: string) => ({ prefix: prefix(text), kind: "local" as const, instance: true });
  return {
    ...samplePlan(wanted),
    addresses: [
      ...["10.0.0.2", "10.1.0.2", "fd00::2", "::6", "192.0.2.0/24"].map(local),
      { prefix: prefix("10.0.0.255"), kind: "broadcast", instance: false },
      { prefix: prefix("192.0.2.255"), kind: "broadcast", instance: false },
    ],
    ...others,
  };
}

/** "1000 10.0.0.2 > 10.9.9.9:80": user, where it is bound to, where it goes. */
function outbound(text: string): Connection {
  const [, uid, from, to = "", port] = /^(\d+) (?:(\S+) )?> (\S+):(\d+)$/.exec(text) ?? [];
  return {
    kind: "outbound",
    uid: Number(uid),
    from: from === undefined ? undefined : address(from),
    to: address(to),
    port: Number(port),
  };
}

/** "10.9.9.9 > eth0 10.0.0.2:80" */
function inbound(text: string, forwarded: "inbound" | "untouched" = "untouched"): Connection {
  const [, from = "", name = "", to = "", port] = /^(\S+) > (\S+) (\S+):(\d+)$/.exec(text) ?? [];
  const ends = { from: address(from), to: address(to) };
  return { kind: "inbound", ...ends, port: Number(port), interface: name, forwarded };
}

function dns(text: string): Connection {
  const [, uid, to = "", port] = /^(\d+) > (\S+):(\d+)$/.exec(text) ?? [];
  return { kind: "dns", uid: Number(uid), to: address(to), port: Number(port) };
}

/** "untouched local", "outbound:15001 all-outbound" */
function decided(made: Plan, connection: Connection): string {
  const { result, port, rule } = decide(made, connection);
  return `${result}${port === undefined ? "" : `:${port}`} ${rule}`;
}

type Case = readonly [text: string, wanted: string, options?: Wanted, others?: Partial<Plan>];

function named([text, wanted, options = {}, others = {}]: Case) {
  return { text, wanted, options, others };
}

const V6_OFF = { ipv6: false };

describe("outbound", () => {
  const cases: readonly Case[] = [
    ["1000 > 10.9.9.9:80", "outbound:15001 all-outbound"],
    ["1000 > fd99::9:80", "outbound:15001 all-outbound"],
    ["1000 > ::ffff:10.9.9.9:80", "outbound:15001 all-outbound", {}, V6_OFF],
    ["1000 > fd99::9:80", "untouched ipv6-left-alone", {}, V6_OFF],
    ["1000 > 10.9.9.9:80", "outbound:1 all-outbound", { outbound: { port: 1 } }],
    ["1000 > 10.0.0.2:80", "untouched local"],
    ["1000 > ::ffff:10.0.0.2:80", "untouched local"],
    ["1000 > 127.9.9.9:80", "untouched local"],
    ["1000 > 192.0.2.7:80", "untouched local"],
    ["1000 > ::1:80", "untouched local"],
    ["1000 > 0.0.0.0:80", "untouched local"],
    ["1000 > :::80", "untouched local"],
    ["5678 > 10.9.9.9:80", "untouched proxy"],
    ["5678 > 127.0.0.1:80", "untouched proxy"],
    ["5678 > ::1:80", "untouched proxy"],
    ["5678 > 0.0.0.0:80", "untouched proxy"],
    ["5678 > 127.0.0.2:80", "inbound:15006 own-application"],
    ["5678 > 10.0.0.2:80", "inbound:15006 own-application"],
    ["5678 10.0.0.2 > 0.0.0.0:80", "inbound:15006 own-application"],
    ["5678 fd00::2 > :::80", "untouched proxy"],
    ["5678 > fd00::2:80", "inbound:15006 own-application"],
    ["5678 > 10.0.0.2:80", "untouched inbound-disabled", { inbound: { redirect: false } }],
    ["5678 127.0.0.6 > 10.0.0.2:80", "untouched passthrough"],
    ["5678 ::6 > fd00::2:80", "untouched passthrough"],
    ["5678 ::6 > fd00::2:80", "untouched ipv6-left-alone", {}, V6_OFF],
    ["1000 127.0.0.6 > 10.9.9.9:80", "outbound:15001 all-outbound"],
    ["1000 > 224.0.0.1:80", "refused multicast"],
    ["1000 > ff02::1:80", "refused multicast", {}, V6_OFF],
    ["1000 > 10.0.0.255:80", "refused broadcast"],
    ["1000 > 192.0.2.255:80", "refused broadcast"],
    ["5678 > 127.255.255.255:80", "refused broadcast"],
    ["1000 > 255.255.255.255:80", "refused broadcast", { outbound: { redirect: false } }],
    ["1000 > 10.9.9.9:80", "untouched direction-disabled", { outbound: { redirect: false } }],
    ["5678 > 10.0.0.2:80", "untouched direction-disabled", { outbound: { redirect: false } }],
    ["1000 > 10.9.9.9:80", "untouched excluded-port", { outbound: { exclude: [80] } }],
    ["1000 > 10.9.9.9:81", "outbound:15001 all-outbound", { outbound: { exclude: [80] } }],
    ["5678 > 10.0.0.2:80", "untouched excluded-port", { outbound: { exclude: [80] } }],
    ["1000 > 10.9.9.9:80", "outbound:15001 included-port", { outbound: { include: [80] } }],
    ["1000 > 10.9.9.9:81", "untouched port-not-included", { outbound: { include: [80] } }],
    ["5678 > 10.0.0.2:81", "inbound:15006 own-application", { outbound: { include: [80] } }],
    ["1000 > 10.9.9.9:80", "untouched excluded-destination", { outbound: { addresses: ["10.9.0.0/16"] } }],
    ["5678 > 10.0.0.2:80", "untouched excluded-destination", { outbound: { addresses: ["10.0.0.2"] } }],
    ["1000 > fd99::9:80", "outbound:15001 all-outbound", { outbound: { addresses: ["0.0.0.0/0"] } }],
    ["1000 > 10.9.9.9:80", "untouched excluded-user", { users: ["tcp:80-90:1000-1001"] }],
    ["1000 > 10.9.9.9:80", "outbound:15001 all-outbound", { users: ["udp:80-90:1000-1001"] }],
    ["1000 > 10.9.9.9:91", "outbound:15001 all-outbound", { users: ["tcp:80-90:1000-1001"] }],
    ["999 > 10.9.9.9:80", "outbound:15001 all-outbound", { users: ["tcp:80-90:1000-1001"] }],
    ["5678 > 10.0.0.2:80", "untouched excluded-user", { users: ["tcp:1-65535:5678"] }],
    ["1000 > 10.9.9.9:53", "untouched dns-over-tcp", { dns: "all" }],
    ["1000 > fd99::9:53", "outbound:15001 all-outbound", { dns: "servers", servers: ["10.9.9.9"] }],
    ["5678 > 10.0.0.2:53", "inbound:15006 own-application", { dns: "all" }],
  ];
  test.each(cases.map(named))("$text: $wanted $options", ({ text, wanted, options, others }) => {
    expect(decided(plan(options, others), outbound(text))).toBe(wanted);
  });
});

describe("inbound", () => {
  const cases: readonly Case[] = [
    ["10.9.9.9 > eth0 10.0.0.2:80", "inbound:15006 all-inbound"],
    ["fd99::9 > eth0 fd00::2:80", "inbound:15006 all-inbound"],
    ["fd99::9 > eth0 fd00::2:80", "untouched ipv6-left-alone", {}, V6_OFF],
    ["10.0.0.2 > lo 10.0.0.2:80", "untouched from-here"],
    ["10.9.9.9 > eth0 127.0.0.1:80", "refused loopback-from-outside"],
    ["10.9.9.9 > eth0 10.0.0.255:80", "refused broadcast"],
    ["10.9.9.9 > eth0 224.0.0.1:80", "refused multicast"],
    ["10.9.9.9 > eth0 10.0.0.2:80", "untouched direction-disabled", { inbound: { redirect: false } }],
    ["10.9.9.9 > eth0 10.0.0.2:80", "untouched excluded-source", { inbound: { addresses: ["10.9.0.0/16"] } }],
    ["10.9.9.9 > eth0 10.0.0.2:80", "untouched excluded-port", { inbound: { exclude: [80] } }],
    ["10.9.9.9 > eth0 10.0.0.2:80", "inbound:15006 included-port", { inbound: { include: [80] } }],
    ["10.9.9.9 > eth0 10.0.0.2:81", "untouched port-not-included", { inbound: { include: [80] } }],
    ["10.9.9.9 > eth0 10.0.0.2:80", "untouched other-address", { instance: ["10.1.0.2"] }],
    ["10.9.9.9 > eth0 10.1.0.2:80", "inbound:15006 all-inbound", { instance: ["10.1.0.2"] }],
    ["10.9.9.9 > eth0 10.0.0.2:80", "untouched other-interface", { tcInterface: "eth1" }],
    ["10.9.9.9 > eth1 10.0.0.2:80", "inbound:15006 all-inbound", { tcInterface: "eth1" }],
    ["10.9.9.9 > eth0 10.8.8.8:80", "untouched forwarded"],
    [
      "172.17.0.2 > docker0 10.8.8.8:80",
      "outbound:15001 virtual-network",
      { networks: ["docker+:172.17.0.0/16"] },
    ],
    ["172.17.0.2 > docker0 172.17.0.3:80", "untouched forwarded", { networks: ["docker+:172.17.0.0/16"] }],
    ["172.17.0.2 > eth0 10.8.8.8:80", "untouched forwarded", { networks: ["docker+:172.17.0.0/16"] }],
  ];
  test.each(cases.map(named))("$text: $wanted $options", ({ text, wanted, options, others }) => {
    expect(decided(plan(options, others), inbound(text))).toBe(wanted);
  });

  test("what is only forwarded is what the engines differ in", () => {
    expect(decided(plan(), inbound("10.9.9.9 > eth0 10.8.8.8:80", "inbound"))).toBe(
      "inbound:15006 all-inbound",
    );
  });
});

describe("DNS", () => {
  const SERVERS = { dns: "servers", servers: ["10.9.9.9", "127.0.0.53"] } as const;
  const cases: readonly Case[] = [
    ["1000 > 10.9.9.9:53", "untouched dns-disabled"],
    ["1000 > 10.9.9.9:53", "dns:15053 name-server", SERVERS],
    ["1000 > ::ffff:10.9.9.9:53", "dns:15053 name-server", SERVERS],
    ["1000 > 127.0.0.53:53", "dns:15053 name-server", SERVERS],
    ["1000 > 10.9.9.8:53", "untouched other-server", SERVERS],
    ["1000 > fd99::9:53", "untouched dns-disabled", SERVERS],
    ["1000 > 10.9.9.9:5353", "untouched not-dns", SERVERS],
    ["5678 > 10.9.9.9:53", "untouched proxy", SERVERS],
    ["1000 > 10.9.9.8:53", "dns:153 all-dns", { dns: "all", dnsPort: 153 }],
    ["1000 > fd99::9:53", "dns:15053 all-dns", { dns: "all" }],
    ["1000 > fd99::9:53", "untouched ipv6-left-alone", { dns: "all" }, V6_OFF],
    ["1000 > 10.9.9.8:53", "dns:15053 all-dns", { dns: "all", outbound: { redirect: false } }],
    ["1000 > 10.9.9.8:53", "untouched excluded-user", { dns: "all", users: ["udp:53:1000"] }],
    ["1000 > 10.9.9.8:53", "dns:15053 all-dns", { dns: "all", users: ["tcp:53:1000"] }],
    [
      "1000 > 10.9.9.8:53",
      "untouched excluded-destination",
      { dns: "all", outbound: { addresses: ["10.9.9.8"] } },
    ],
  ];
  test.each(cases.map(named))("$text: $wanted $options", ({ text, wanted, options, others }) => {
    expect(decided(plan(options, others), dns(text))).toBe(wanted);
  });
});

test("a reason is in words, with the setting that made the rule", () => {
  const made = plan({ users: ["tcp:80-90,443:1000"] });
  expect(decide(made, outbound("1000 > 10.9.9.9:443"))).toEqual({
    result: "untouched",
    port: undefined,
    rule: "excluded-user",
    reason: "tcp to the ports 80-90,443 by the users 1000 is excluded",
    setting: "redirect.outbound.excludePortsForUIDs",
  });
});
