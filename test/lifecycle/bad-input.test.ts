// What cannot be done is refused before anything is changed, with what is wrong and what to do about it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { expectFailure } from "./support.ts";

let world: World;
let before: KernelState;

beforeAll(async () => {
  world = await World.create();
  await world.addHost("other", "eth1", 1);
  await world.ip("service", "link", "set", "eth1", "down");
  before = await kernelState(world);
});
afterAll(() => world[Symbol.asyncDispose]());

const PORT = /whole number from 1 to 65535/;

test.each<[string, string[], string, RegExp[]]>([
  [
    "an unknown user",
    ["--kuma-dp-user", "nobody-has-this"],
    "USER_UNKNOWN",
    [/no user named "nobody-has-this"/, /useradd/],
  ],
  ["a UID beyond all", ["--kuma-dp-user", "4294967295"], "USER_UNKNOWN", [/from 0 to 4294967294/]],
  ...["0", "70000", "65536", "x", "", "0080", "-1", "1.5", "0x50", " 80"].map(
    (port): [string, string[], string, RegExp[]] => [
      `the port ${JSON.stringify(port)}`,
      [`--redirect-inbound-port=${port}`],
      "CONFIG_INVALID",
      [/^error: --redirect-inbound-port: "/m, PORT],
    ],
  ),
  [
    "a bad outbound port",
    ["--redirect-outbound-port", "x"],
    "CONFIG_INVALID",
    [/--redirect-outbound-port: "x"/, PORT],
  ],
  [
    "a bad excluded port",
    ["--exclude-inbound-ports", "80,x"],
    "CONFIG_INVALID",
    [/--exclude-inbound-ports: "x"/, PORT],
  ],
  [
    "one port for both",
    ["--redirect-inbound-port", "15001"],
    "CONFIG_INVALID",
    [/--redirect-inbound-port: .* at one port, 15001: give two ports/],
  ],
  ["no family mode", ["--ip-family-mode", "ipv6"], "CONFIG_INVALID", [/"ipv6" .* "dualstack" or "ipv4"/]],
  [
    "neither true nor false",
    ["--redirect-inbound=maybe"],
    "CONFIG_INVALID",
    [/"maybe" is neither true nor false/],
  ],
  [
    "an address of somebody else",
    ["--ebpf-instance-ip", "10.66.0.1,10.66.0.2"],
    "CONFIG_INVALID",
    [/--ebpf-instance-ip: 10\.66\.0\.2 is not an address .* which has 10\.66\.0\.1/],
  ],
  [
    "an IPv6 address of somebody else",
    ["--ebpf-instance-ip", "fd66::2"],
    "CONFIG_INVALID",
    [/fd66::2 is not an address/],
  ],
  [
    "no address at all",
    ["--ebpf-instance-ip", "10.66.0"],
    "CONFIG_INVALID",
    [/"10.66.0" is not an IP address: write 10\.0\.0\.1/],
  ],
  [
    "an address with a prefix",
    ["--ebpf-instance-ip", "10.66.0.1/24"],
    "CONFIG_INVALID",
    [/without a prefix length/],
  ],
  [
    "an interface that is not there",
    ["--ebpf-tc-attach-iface", "eth9"],
    "CONFIG_INVALID",
    [/no interface "eth9" here; there is eth0, eth1/],
  ],
  [
    "an interface that is down",
    ["--ebpf-tc-attach-iface", "eth1"],
    "CONFIG_INVALID",
    [/eth1 is down; run `ip link set eth1 up`/],
  ],
  [
    "the loopback interface",
    ["--ebpf-tc-attach-iface", "lo"],
    "CONFIG_INVALID",
    [/lo is the loopback interface/],
  ],
  [
    "a cgroup that does not exist",
    ["--ebpf-cgroup-path", "/sys/fs/cgroup/nowhere"],
    "CONFIG_INVALID",
    [/nowhere does not exist/, /Leave it out/],
  ],
  [
    "a cgroup path on another file system",
    ["--ebpf-cgroup-path", "/proc"],
    "CONFIG_INVALID",
    [/\/proc is not on a cgroup2 file system/, /Leave it out/],
  ],
  [
    "a bpffs that does not exist",
    ["--ebpf-bpffs-path", "/sys/fs/bpf/nowhere"],
    "CONFIG_INVALID",
    [/nowhere does not exist/, /mount -t bpf/],
  ],
  [
    "a bpffs path on another file system",
    ["--ebpf-bpffs-path", "/tmp"],
    "CONFIG_INVALID",
    [/\/tmp is not on a BPF file system/, /mount -t bpf/],
  ],
  [
    "an empty bpffs path",
    ["--ebpf-bpffs-path", ""],
    "CONFIG_INVALID",
    [/--ebpf-bpffs-path: the path is empty/],
  ],
  ["an unknown flag", ["--ebpf-enable"], "USAGE", [/unknown option '--ebpf-enable'/, /--ebpf-enabled/]],
  ["an engine that does not exist", ["--engine=nftables"], "CONFIG_INVALID", [/--engine: .*nftables/]],
  [
    "a flag without its value",
    ["--redirect-inbound-port"],
    "USAGE",
    [/--redirect-inbound-port.* argument missing/],
  ],
  ["a word too many", ["transparent-proxy", "x"], "USAGE", [/too many arguments/]],
])("%s", async (_title, flags, code, words) => {
  expectFailure(await world.tproxyctl(world.installArguments(...flags)), code, ...words);
  await expectState(world, before);
});

test("all that is wrong is said at once", async () => {
  const options = [
    "--redirect-inbound-port=0",
    "--redirect-outbound-port=x",
    "--ebpf-instance-ip=::g",
    "--ip-family-mode=v5",
  ];
  const result = await world.tproxyctl(world.installArguments(...options));
  expectFailure(result, "CONFIG_INVALID");
  const named = result.stderr.split("\n").flatMap((line) => /^error: (--[^:]+):/.exec(line)?.[1] ?? []);
  expect(named.sort()).toEqual(options.map((option) => option.split("=")[0]).sort());
  const here = ["--ebpf-tc-attach-iface", "eth9", "--ebpf-instance-ip", "192.0.2.1"];
  const facts = await world.tproxyctl(world.installArguments(...here));
  expectFailure(facts, "CONFIG_INVALID", /"eth9"/, /192\.0\.2\.1/);
  await expectState(world, before);
});

test.each([
  ["install", ["install", "--ebpf-enabled", "--kuma-dp-user", "5678"], /--dry-run/],
  ["uninstall", ["uninstall"], /sudo/],
  ["status", ["status"], /sudo/],
] as const)("%s by somebody who is not root", async (_title, args, hint) => {
  const result = await world.tproxyctl(args, { uid: 1000 });
  expectFailure(result, "NOT_ROOT", /has to be run as root/, hint);
  await expectState(world, before);
});

test.each([
  [["instal"], /unknown command 'instal'/, /install/],
  [["install", "transparent-proxie"], /unknown object 'transparent-proxie'/, /install transparent-proxy/],
  [["uninstall", "--force"], /unknown option '--force'/, /--help/],
])("a command line that nobody understands: %j", async (args, what, hint) => {
  expectFailure(await world.tproxyctl(args), "USAGE", what, hint);
});
