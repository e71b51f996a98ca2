// Something fails half way through an installation: all that was done is undone, and the message says what failed.

import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { TPROXYCTL, type World } from "../support/world.ts";
import { everyForm } from "./inject.ts";
import { expectFailure, expectInterception, ForeignPrograms, worldWithProxy } from "./support.ts";

/** How many programs the kernel allows at one hook. */
const FULL = 64;

interface Obstacle {
  readonly title: string;
  readonly flags?: readonly string[];
  readonly code: string;
  readonly words: readonly RegExp[];
  /** Gets in the way of a first installation. */
  readonly block: (world: World, foreign: ForeignPrograms) => unknown;
  readonly unblock: (world: World, foreign: ForeignPrograms) => unknown;
}

const netnsOf = (world: World) => `/run/netns/${world.netns("service")}`;
const sysctl = (world: World, value: 0 | 1) =>
  world.run(["sysctl", "-w", `net.ipv6.conf.lo.disable_ipv6=${value}`], { cgroup: false });

const OBSTACLES: readonly Obstacle[] = [
  {
    title: "the cgroup has as many programs as it can have",
    code: "CGROUP_UNUSABLE",
    words: [
      /cannot attach tp_connect4 to cgroup \S+ as connect4: E2BIG, the kernel takes no more/,
      /--ebpf-cgroup-path/,
    ],
    block: (world, foreign) => foreign.fillConnect4(world.cgroup, FULL),
    unblock: (_world, foreign) => foreign.detachAll(),
  },
  {
    title: "the namespace has as many sk_lookup programs as it can have",
    code: "SYSCALL_FAILED",
    words: [/cannot attach tp_lookup to network namespace \S+ as sk_lookup: E2BIG/],
    block: (world, foreign) => foreign.fillLookup(netnsOf(world), FULL),
    unblock: (_world, foreign) => foreign.detachAll(),
  },
  {
    title: "the bpffs is read-only",
    code: "BPFFS_UNUSABLE",
    words: [/read-only/i],
    block: (world) => execa("mount", ["-o", "remount,ro", world.bpffs]),
    unblock: (world) => execa("mount", ["-o", "remount,rw", world.bpffs]),
  },
  {
    title: "IPv6 is switched off on the loopback interface",
    code: "SYSCALL_FAILED",
    words: [/cannot add ::6 to the loopback interface: EACCES/, /IPv6 is off .*disable_ipv6=0/],
    block: (world) => sysctl(world, 1),
    unblock: (world) => sysctl(world, 0),
  },
];

test.each(OBSTACLES)(
  "a first installation leaves nothing: $title",
  async ({ code, words, block, unblock }) => {
    await using world = await worldWithProxy();
    using foreign = new ForeignPrograms();
    await block(world, foreign);
    const before = await kernelState(world);
    expectFailure(await world.tproxyctl(world.installArguments()), code, ...words);
    await expectState(world, before);
    await unblock(world, foreign);
    await world.install();
    await expectInterception(world);
  },
);

test.each([
  {
    // By then the sk_lookup link runs the new program: it gets the old one back.
    title: "the other cgroup has as many programs as it can have",
    first: ["--redirect-outbound-port", "15001"],
    again: (world: World) => ["--ebpf-cgroup-path", join(world.cgroup, "full")],
    words: [/cannot attach tp_connect4 to cgroup \S+full as connect4: E2BIG/],
  },
  {
    // By then every link runs its new program.
    title: "::6 is wanted now, and IPv6 is switched off on the loopback interface",
    first: ["--ip-family-mode", "ipv4"],
    again: () => ["--ip-family-mode", "dualstack"],
    words: [/IPv6 is off/],
  },
])("a reinstallation that fails leaves the one before at work: $title", async ({ first, again, words }) => {
  await using world = await worldWithProxy();
  using foreign = new ForeignPrograms();
  const full = join(world.cgroup, "full");
  await execa("mkdir", [full]);
  world.defer(() => execa("rmdir", [full]));
  foreign.fillConnect4(full, FULL);
  await world.install(...first);
  if (first.includes("ipv4")) await sysctl(world, 1);
  const before = await kernelState(world);
  const result = await world.tproxyctl(world.installArguments(...again(world)));
  expect(result.exitCode, result.stderr).toBe(1);
  for (const word of words) expect(result.stderr).toMatch(word);
  await expectState(world, before);
  await world.uninstall();
});

/** The kernel answers a call with an error, as strace makes it do. */
const failing = (call: string, nth: number, error: string) => [
  ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${everyForm(call)}`],
  ...["-e", `inject=${everyForm(call)}:error=${error}:when=${nth}`],
];

test.each([
  ["bpf", 70, "EPERM"],
  ["bpf", 85, "ENOMEM"],
  ["bpf", 112, "ENOMEM"],
  ["rename", 1, "EIO"],
] as const)("a first installation leaves nothing: %s number %i says %s", async (call, nth, error) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const command = [...failing(call, nth, error), TPROXYCTL, ...world.installArguments()];
  const result = await world.run(command, { cgroup: false });
  expect(result.exitCode, result.stderr).toBe(1);
  expect(result.stderr).toMatch(/^error: .+\n(.*\n)* code: [A-Z_]+$/m);
  await expectState(world, before);
});

test.each([
  ["bpf", 90, "ENOMEM"],
  ["bpf", 105, "ENOMEM"],
  ["bpf", 140, "ENOMEM"],
  ["rename", 1, "EIO"],
] as const)(
  "a reinstallation leaves the one before at work: %s number %i says %s",
  async (call, nth, error) => {
    await using world = await worldWithProxy();
    await world.install();
    const before = await kernelState(world);
    const flags = ["--ebpf-tc-attach-iface", "eth0", "--redirect-outbound-port", "16001"];
    const command = [...failing(call, nth, error), TPROXYCTL, ...world.installArguments(...flags)];
    const result = await world.run(command, { cgroup: false });
    expect(result.exitCode, result.stderr).toBe(1);
    await expectState(world, before);
    await expectInterception(world);
  },
);
