// Older kernels: the engine is told that a feature is missing, the rest is this kernel. What must still hold does.

import { expect, test } from "vitest";
import type { Features } from "../../src/engine/ebpf/features.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { installWithFeatures } from "./install-with-features.ts";
import {
  expectInbound,
  expectInterception,
  expectOutbound,
  intactStatus,
  worldWithProxy,
} from "./support.ts";

const TC = ["--ebpf-tc-attach-iface", "eth0"];
const OLDEST: Features = {
  getpeername: false,
  lookup: false,
  lookupKnowsIfindex: false,
  sockopsKnowsNetns: false,
  tcx: false,
};

test.each<[string, Partial<Features>, string[]]>([
  ["tcx, by sk_lookup", { tcx: false }, []],
  ["tcx, by tc", { tcx: false }, TC],
  ["sk_lookup", { lookup: false }, []],
  ["sk_lookup, by tc", { lookup: false }, TC],
  ["sk_lookup and tcx", { lookup: false, tcx: false }, []],
  ["the namespace in sockops", { sockopsKnowsNetns: false }, []],
  ["the interface in sk_lookup", { lookupKnowsIfindex: false }, []],
  ["the interface in sk_lookup, by tc", { lookupKnowsIfindex: false }, TC],
])(
  "without %s everything is intercepted, over a reinstallation, and goes away",
  async (_title, lacks, flags) => {
    await using world = await worldWithProxy();
    const before = await kernelState(world);
    expect(await installWithFeatures(world, lacks, ...flags)).toBe("installed");
    await expectInterception(world);
    expect(await installWithFeatures(world, lacks, ...flags)).toBe("replaced");
    await expectInterception(world);
    await world.uninstall();
    await expectState(world, before);
  },
);

test.each([
  ["getpeername", { getpeername: false }],
  ["anything new", OLDEST],
])("without %s the proxy is told the destination, the application sees the proxy", async (_title, lacks) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await installWithFeatures(world, lacks);
  expect((await expectOutbound(world, "v4")).peer).toMatch(/^127\.\d+\.\d+\.\d+:15001$/);
  expect((await expectOutbound(world, "v6")).peer).toMatch(/^\[::1\]:\d+$/);
  await expectInbound(world, "v4");
  await expectInbound(world, "v6");
  await world.uninstall();
  await expectState(world, before);
});

test("without sk_lookup tc takes care of each interface, and refuses to let anything by", async () => {
  await using world = await World.create();
  await world.addHost("other", "eth1", 1);
  const proxy = await world.startProxy();
  await installWithFeatures(world, { lookup: false });
  const { hooks } = await intactStatus(world);
  expect(hooks.filter(({ hook }) => hook.kind === "tc")).toHaveLength(2);
  expect(hooks.filter(({ hook }) => hook.kind === "netns")).toHaveLength(0);
  await expectInterception(world);
  const other = { host: "other", cgroup: false } as const;
  expect(await world.connect("10.66.1.1:80", other)).toMatchObject({ server: { origdst: "10.66.1.1:80" } });
  await world.serve(["10.66.1.1:80"], { cgroup: false });
  await proxy.stop();
  const connection = await world.connect("10.66.1.1:80", { ...other, flags: ["--timeout", "500"] });
  expect(connection).toMatchObject({ ok: false, server: null });
});

test("without the interface in sk_lookup, tc tells it: it refuses and names listeners for tc, and on no other interface", async () => {
  await using world = await World.create();
  await world.addHost("other", "eth1", 1);
  await world.serve(["0.0.0.0:80", "[::]:80"]);
  await installWithFeatures(world, { lookupKnowsIfindex: false, tcx: false }, ...TC);
  const remote = { host: "remote", cgroup: false } as const;
  const other = { host: "other", cgroup: false } as const;
  for (const to of ["10.66.0.1:80", "[fd66::1]:80"])
    expect(await world.connect(to, remote)).toMatchObject({ ok: false, error: "ECONNREFUSED" });
  // There is no listener on any address of the interface; sk_lookup, which tc asks, has it in a slot.
  await world.startProxy({ listen: ["127.0.0.1:15006", "[::1]:15006"] });
  for (const to of ["10.66.0.1:80", "[fd66::1]:80"])
    expect(await world.connect(to, remote)).toMatchObject({ server: { origdst: to } });
  expect(await world.counter("inboundSynTc")).toBe(2);
  for (const to of ["10.66.1.1:80", "[fd66:1::1]:80"])
    expect((await world.connect(to, other)).server?.listener, to).toMatch(/:80$/);
  await world.uninstall();
});

test("an installation changes its ways when the kernel was replaced by a newer or older one", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  for (const lacks of [{}, { tcx: false }, OLDEST, { tcx: false }, {}]) {
    await installWithFeatures(world, lacks, ...TC);
    await expectOutbound(world, "v4");
    await expectOutbound(world, "v6");
    await expectInbound(world, "v4");
    await expectInbound(world, "v6");
  }
  await world.uninstall();
  await expectState(world, before);
});
