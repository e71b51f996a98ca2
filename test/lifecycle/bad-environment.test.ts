// What the host lacks is found before anything is changed, and said with what to do about it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { type RunOptions, TPNET, TPROXYCTL, World } from "../support/world.ts";
import { expectFailure } from "./support.ts";

let world: World;
let before: KernelState;

beforeAll(async () => {
  world = await World.create();
  before = await kernelState(world);
});
afterAll(() => world[Symbol.asyncDispose]());

test.each<[string, string[], string, RegExp[]]>([
  ["net_admin", ["net_admin"], "CAPABILITY_MISSING", [/CAP_NET_ADMIN, which/, /capabilities\.add/]],
  ["bpf", ["bpf", "sys_admin"], "CAPABILITY_MISSING", [/CAP_BPF, which/, /capabilities\.add/]],
  [
    "both",
    ["net_admin", "bpf", "sys_admin"],
    "CAPABILITY_MISSING",
    [/CAP_NET_ADMIN, which .*; and CAP_BPF, which/],
  ],
])("without capabilities: %s", async (_title, dropCapabilities, code, words) => {
  expectFailure(await world.tproxyctl(world.installArguments(), { dropCapabilities }), code, ...words);
  await expectState(world, before);
});

test.each<[string, string[], RegExp]>([
  ["sys_ptrace", ["sys_ptrace"], /CAP_SYS_PTRACE, which takes over the listening sockets/],
  [
    "dac_read_search",
    ["dac_read_search", "dac_override"],
    /CAP_DAC_READ_SEARCH, which looks for those sockets/,
  ],
])("without a capability that only a running proxy needs: %s", async (_title, dropCapabilities, words) => {
  const options: RunOptions = { dropCapabilities };
  const proxy = await world.startProxy();
  expectFailure(await world.tproxyctl(world.installArguments(), options), "CAPABILITY_MISSING", words);
  await proxy.stop();
  await expectState(world, before);
  expect(await world.tproxyctl(world.installArguments(), options)).toMatchObject({ exitCode: 0 });
  await world.uninstall();
});

test("without cgroup2", async () => {
  const all = world.installArguments();
  const args = all.filter(
    (arg, index) => arg !== "--ebpf-cgroup-path" && all[index - 1] !== "--ebpf-cgroup-path",
  );
  const result = await world.run([TPNET, "run", "--umount-cgroup2", "--", TPROXYCTL, ...args], {
    cgroup: false,
  });
  expectFailure(result, "CGROUP_UNUSABLE", /no cgroup2 file system is mounted here/, /mount -t cgroup2/);
  await expectState(world, before);
});

test("the loopback interface is down", async () => {
  await using own = await World.create();
  await own.ip("service", "link", "set", "lo", "down");
  const downBefore = await kernelState(own);
  expectFailure(
    await own.tproxyctl(own.installArguments()),
    "LOOPBACK_DOWN",
    /loopback .* is down/,
    /ip link set lo up/,
  );
  await expectState(own, downBefore);
});
