// A cgroup takes 64 programs of a type. By default all instances of a host share one: its root.

import { afterAll, beforeAll, expect, test } from "vitest";
import { BpfLink } from "../../src/bpf/link.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { Scratch } from "../native/support.ts";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import type { World } from "../support/world.ts";
import { expectFailure, expectInterception, worldWithProxy } from "./support.ts";

const MOST = 64;

const links: BpfLink[] = [];
let world: World;
let before: KernelState;

beforeAll(async () => {
  world = await worldWithProxy();
  using scratch = new Scratch();
  using object = BpfObject.open(scratch.compile("basic"));
  object.load();
  while (links.length < MOST)
    links.push(BpfLink.attachCgroup(object.program("allow"), world.cgroup, "connect4"));
  before = await kernelState(world);
});
afterAll(async () => {
  for (const link of links) link[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

test("with --engine=ebpf it is an error that says what to do, and nothing is left", async () => {
  const result = await world.tproxyctl(world.installArguments());
  expectFailure(
    result,
    "CGROUP_UNUSABLE",
    /cannot attach tp_connect4 to cgroup .*: the kernel takes no more/,
  );
  expect(result.stderr).toMatch(/--ebpf-cgroup-path/);
  await expectState(world, before);
});

test("otherwise iptables takes over", async () => {
  const { stderr } = await world.install("--engine=auto");
  expect(stderr).toMatch(
    /^warning: eBPF is not possible here \(cannot attach .*\): iptables takes over\. Give each/m,
  );
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});
