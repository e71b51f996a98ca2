// Random configurations: each setting by its key, as a text that a file may hold.

import { PROXY_UID } from "../../support/world.ts";
import type { IptablesWay } from "../ways.ts";
import { ANOTHER, APP, DNS_PORTS, INBOUND_PORTS, OUTBOUND_PORTS, OWN, PORTS } from "./places.ts";
import type { Random } from "./random.ts";

export type Settings = Readonly<Record<string, string>>;

/** What says that it is done in this way. */
export function settingsOf({ flags }: IptablesWay): Settings {
  return { engine: "iptables", iptablesExecutables: flags.at(-1) ?? "" };
}

const DESTINATIONS = [
  "10.66.0.2",
  "10.66.0.3",
  "10.66.0.2/31",
  "10.66.0.0/24",
  "10.66.1.2",
  "10.66.0.9",
  "127.0.0.2",
  "127.0.0.0/8",
  "0.0.0.0/0",
  "fd66::2",
  "fd66::2/127",
  "fd66::/64",
  "fd66:1::2",
  "fd66::9",
  "::/0",
] as const;

const SOURCES = [
  "10.66.0.2",
  "10.66.0.2/31",
  "10.66.0.0/16",
  "10.66.1.2",
  "10.66.0.1",
  "0.0.0.0/0",
  "fd66::2",
  "fd66::/64",
  "fd66:1::2",
  "::/0",
] as const;

const UIDS = [
  `${APP}`,
  `${ANOTHER}`,
  `${PROXY_UID}`,
  "0-999",
  "1000-1999",
  "1500-5678",
  "0-4294967294",
] as const;
const RULE_PORTS = ["*", "80", "1,80", "80-8080", "53", "1-52,54-65535", "65535"] as const;
const PROTOCOLS = ["", "tcp:", "udp:"] as const;

const NETWORKS = ["eth1:10.66.1.0/24", "eth1:fd66:1::/64", "eth+:10.66.0.0/16", "eth0:10.66.0.0/29"] as const;

/** @param nameservers paths of resolv.conf files to choose from */
export function randomSettings(random: Random, nameservers: readonly [string, ...string[]]): Settings {
  return Object.fromEntries([
    ["kumaDPUser", String(PROXY_UID)],
    ["redirect.outbound.port", String(random.pick(OUTBOUND_PORTS))],
    ["redirect.inbound.port", String(random.pick(INBOUND_PORTS))],
    ["ipFamilyMode", random.chance(85) ? "dualstack" : "ipv4"],
    ...randomDirection(random, "outbound", DESTINATIONS),
    ...randomDirection(random, "inbound", SOURCES),
    ...maybe(random, 35, "redirect.outbound.excludePortsForUIDs", () => randomRules(random)),
    ...maybe(random, 25, "ebpf.instanceIPs", () => random.some(OWN, 3).join(",")),
    ...maybe(random, 25, "ebpf.tcAttachIface", () => random.pick(["eth0", "eth1"])),
    ...randomDns(random, nameservers),
    ...maybe(random, 20, "redirect.vnet.networks", () => random.some(NETWORKS, 2).join(",")),
  ]);
}

function randomDirection(
  random: Random,
  direction: "outbound" | "inbound",
  addresses: readonly [string, ...string[]],
): [string, string][] {
  const key = `redirect.${direction}`;
  return [
    [`${key}.enabled`, String(random.chance(85))],
    ...maybe(random, 35, `${key}.excludePorts`, () => random.some(PORTS, 3).join(",")),
    ...maybe(random, 20, `${key}.includePorts`, () => random.some(PORTS, 4).join(",")),
    ...maybe(random, 35, `${key}.excludePortsForIPs`, () => random.some(addresses, 3).join(",")),
    ...maybe(random, 10, `${key}.insertRedirectInsteadOfAppend`, () => "true"),
  ];
}

function randomRules(random: Random): string {
  const rule = () => {
    const ports = random.some(RULE_PORTS, 2);
    const list = ports.includes("*") ? "*" : ports.join(",");
    return `${random.pick(PROTOCOLS)}${list}:${random.some(UIDS, 2).join(",")}`;
  };
  return Array.from({ length: random.chance(50) ? 1 : 3 }, rule).join(";");
}

function randomDns(random: Random, nameservers: readonly [string, ...string[]]): [string, string][] {
  if (random.chance(50)) return [];
  return [
    [random.chance(50) ? "redirect.dns.captureAll" : "redirect.dns.enabled", "true"],
    ["redirect.dns.resolvConfigPath", random.pick(nameservers)],
    ["redirect.dns.port", String(random.pick(DNS_PORTS))],
    ...maybe(random, 30, "redirect.dns.skipConntrackZoneSplit", () => "true"),
  ];
}

function maybe(random: Random, percent: number, key: string, value: () => string): [string, string][] {
  return random.chance(percent) ? [[key, value()]] : [];
}
