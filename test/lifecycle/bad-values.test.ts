// Every kind of bad value, by each way that it can be given: refused with the place that it came from, and nothing changed.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileKeyOf, variableOf } from "../../src/config/setting.ts";
import { GIVABLES } from "../../src/config/settings.ts";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { expectFailure } from "./support.ts";

let world: World;
let before: KernelState;
let directory = "";

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-bad-"));
  chmodSync(directory, 0o755);
  world = await World.create();
  before = await kernelState(world);
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await world[Symbol.asyncDispose]();
});

const PORT = /whole number from 1 to 65535/;
const RULES = "redirect.outbound.excludePortsForUIDs";
const OUTBOUND_IPS = "redirect.outbound.excludePortsForIPs";
const INBOUND_IPS = "redirect.inbound.excludePortsForIPs";
const NETWORKS = "redirect.vnet.networks";

describe("a bad value, as a flag, a variable and in a file", () => {
  test.each<[string, readonly string[], RegExp]>([
    [
      "redirect.inbound.port",
      ["0", "65536", "-1", "x", "", "015006", "0x50", "1e3", "1.5", "80 ", "٨٠", "８０", "80-90", "80%eth0"],
      PORT,
    ],
    ["redirect.outbound.port", ["0", "70000", "９"], PORT],
    ["redirect.dns.port", ["0", "65536", "053"], PORT],
    ["redirect.inbound.includePorts", ["80,0", "x"], PORT],
    ["redirect.inbound.excludePorts", ["80,x", "80,,443", "1-5", "90-80", "080", "80;81"], PORT],
    ["redirect.outbound.excludePorts", ["65536", "8٠"], PORT],
    [RULES, ["tcp:80:", "::", "tcp:80:*", "tcp::"], /the UIDs must be named/],
    [RULES, ["a:b:c:d"], /there are too many parts/],
    [RULES, ["tcp:90-80:1", "80-443:9-1", "9-1"], /is the wrong way round/],
    [RULES, ["sctp:80:1", "icmp:1:1"], /is not a protocol: it is tcp or udp/],
    [RULES, ["tcp:x:1", "tcp:0:1", "tcp:65536:1", "tcp:080:1", "80,:1"], /is no port and no range of them/],
    [RULES, ["tcp:80:x", "4294967295", "-5", "tcp:80:٣", "1000-x"], /is no UID and no range of them/],
    [
      OUTBOUND_IPS,
      ["10.0.0.0/33", "fd00::/129", "10.0.0.0/08", "10.0.0.0/", "10.1", "x", "1:2"],
      /is not an IP address or prefix/,
    ],
    [OUTBOUND_IPS, ["fe80::1%eth0", "fe80::%eth0/64"], /give the address alone, without an interface/],
    [INBOUND_IPS, ["010.0.0.1", "10.0.0.01/8", "10.00.0.1"], /leading zeros are read as octal/],
    [INBOUND_IPS, ["10.0.0.1,", "１０.0.0.1"], /is not an IP address or prefix/],
    [NETWORKS, ["docker0", "10.0.0.0/8"], /is not a virtual network: write INTERFACE:PREFIX/],
    [
      NETWORKS,
      ["docker0:10.0.0.0/33", "docker0:010.0.0.0/8", "docker0:/8"],
      /is not an IP address or prefix/,
    ],
    [NETWORKS, ["docker0:10.0.0.1"], /is not a prefix: write it with its length/],
    [
      NETWORKS,
      [":10.0.0.0/8", "a b:10.0.0.0/8", "abcdefghijklmnop:10.0.0.0/8"],
      /is not the name of an interface/,
    ],
    ["ipFamilyMode", ["ipv6", "", "4"], /must be "dualstack" or "ipv4"/],
    ["engine", ["nftables", "eBPF"], /is not an engine/],
    ["redirect.inbound.enabled", ["maybe", "yes", "2", ""], /is neither true nor false/],
    ["redirect.outbound.enabled", ["tRUE"], /is neither true nor false/],
    ["log.level", ["8", "-1", "07"], /is not a whole number from 0 to 7/],
    ["wait", ["-1", "x", "5s"], /is not a whole number from 0 to/],
    ["retry.maxRetries", ["-1", "1.5", "٤"], /is not a whole number from 0 to/],
    ["retry.sleepBetweenRetriesMs", ["2", "-2s", "soon", "２s"], /is not a duration/],
    ["retry.sleepBetweenRetriesMs", ["600h"], /is too long/],
    ["iptablesExecutables", ["nft:/a"], /is not one of the executables/],
    ["iptablesExecutables", ["iptables:", "iptables"], /iptables has no path/],
    ["iptablesExecutables", ["iptables:sbin/iptables"], /is not absolute/],
    ["iptablesExecutables", ["iptables:/a,iptables-save:/b"], /iptables-restore is missing: give all three/],
    ["ebpf.instanceIPs", ["10.0.0.0/8", "fe80::1%eth0", "010.0.0.1", "10.0.0"], /is not an IP address: /],
    ["ebpf.bpffsPath", [""], /the path is empty/],
    ["redirect.dns.resolvConfigPath", [""], /the path is empty/],
  ])("%s: %j", async (key, values, message) => {
    for (const value of values) {
      for (const { source, flags, env } of waysToGive(key, value)) {
        const result = await world.tproxyctl([...argumentsWithout(key), ...flags], { env });
        const said = `${source} with ${JSON.stringify(value)}: ${result.stderr}`;
        expect(result.stderr, said).toMatch(
          new RegExp(`^error: ${escapeText(source)}: .*${message.source}`, "m"),
        );
        expectFailure(result, "CONFIG_INVALID");
      }
    }
  });

  test("an unknown user is named with its place too", async () => {
    for (const { source, flags, env } of waysToGive("kumaDPUser", "nobody-has-this")) {
      const result = await world.tproxyctl([...argumentsWithout("kumaDPUser"), ...flags], { env });
      expectFailure(
        result,
        "USER_UNKNOWN",
        /no user named "nobody-has-this"/,
        new RegExp(escapeText(source)),
      );
    }
  });
});

/** What else an installation is given here, but for the setting itself: flags lie over all else. */
function argumentsWithout(key: string): string[] {
  const names = GIVABLES.find((each) => each.key === key)?.flags.map(({ name }) => `--${name}`) ?? [];
  const args = world.installArguments();
  return args.filter((word, index) => {
    const [name = ""] = (names.includes(args[index - 1] ?? "") ? args[index - 1] : word)?.split("=") ?? [];
    return !names.includes(name);
  });
}

interface Way {
  readonly source: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function waysToGive(key: string, value: string): readonly Way[] {
  const setting = GIVABLES.find((each) => each.key === key);
  if (setting === undefined) throw new Error(`no setting ${key}`);
  const path = fileKeyOf(setting);
  const nested = path.split(".").reduceRight<unknown>((below, name) => ({ [name]: below }), value);
  const file = join(directory, "bad.json");
  writeFileSync(file, JSON.stringify(nested));
  const [flag] = setting.flags;
  return [
    ...(flag === undefined
      ? []
      : [{ source: `--${flag.name}`, flags: [`--${flag.name}=${value}`], env: {} }]),
    { source: variableOf(setting), flags: [], env: { [variableOf(setting)]: value } },
    { source: `${file}:${path} (line 1)`, flags: ["--config", file], env: {} },
  ];
}

function escapeText(text: string): string {
  return text.replaceAll(/[.()[\]]/g, "\\$&");
}

test.each<[string, string, string[], RegExp]>([
  [
    "a flag and a variable",
    "CAPTURE_ALL",
    ["--redirect-dns"],
    /--redirect-dns: .*KUMA_.*_CAPTURE_ALL for all/,
  ],
  [
    "a variable and a flag",
    "ENABLED",
    ["--redirect-all-dns-traffic"],
    /_ENABLED: .*--redirect-all-dns-traffic for all/,
  ],
  [
    "a file and a variable",
    "CAPTURE_ALL",
    ["--config=redirect: {dns: {enabled: on}}"],
    /--config:redirect.dns.enabled .*_CAPTURE_ALL/,
  ],
])("both DNS modes: %s", async (_title, name, flags, message) => {
  const env = { [`KUMA_TRANSPARENT_PROXY_REDIRECT_DNS_${name}`]: "true" };
  expectFailure(await world.tproxyctl(world.installArguments(...flags), { env }), "CONFIG_INVALID", message);
});

describe("a resolv.conf that cannot be used", () => {
  test.each<[string, (path: string) => void, RegExp, number?]>([
    ["missing", (path) => rmSync(path, { force: true }), /ENOENT/],
    ["binary", (path) => writeFileSync(path, Buffer.of(0x7f, 0x45, 0, 0xff)), /is no text/],
    ["100 MiB", (path) => writeFileSync(path, Buffer.alloc(100 << 20, "#")), /is larger than 1 MiB/],
    ["forbidden", (path) => writeFileSync(path, "nameserver 10.0.0.1\n", { mode: 0o600 }), /EACCES/, 1000],
  ])("%s", async (_title, make, message, uid) => {
    const path = join(directory, "resolv.conf");
    rmSync(path, { force: true });
    make(path);
    // Only a dry run is for everybody; nobody but root may look at where eBPF would be pinned.
    const args = uid === undefined ? [] : ["--engine=iptables", "--dry-run"];
    for (const { source, flags, env } of waysToGive("redirect.dns.resolvConfigPath", path)) {
      const all = world.installArguments("--redirect-dns", ...args, ...flags);
      const result = await world.tproxyctl(all, { env, ...(uid === undefined ? {} : { uid }) });
      const stderr = result.stderr.replace(/^warning: without root .*\n/m, "");
      const named = new RegExp(
        `^error: ${escapeText(source)}: cannot read the name servers from .*${message.source}`,
        "m",
      );
      expectFailure({ ...result, stderr }, "CONFIG_INVALID", named, /--redirect-all-dns-traffic does not/);
    }
  });

  test.each(["/dev/zero", "/proc"])("%s", async (path) => {
    const args = world.installArguments(
      "--redirect-dns",
      `--config=redirect: {dns: {resolvConfigPath: ${path}}}`,
    );
    expectFailure(await world.tproxyctl(args), "CONFIG_INVALID", /no regular file|EISDIR/);
  });
});

test("none of that changed anything", () => expectState(world, before));
