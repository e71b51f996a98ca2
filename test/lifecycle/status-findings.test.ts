// What somebody changed behind the back of an installation: `status` says it, and the next install sets it right.

import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { BpfLink } from "../../src/bpf/link.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { Scratch } from "../native/support.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { killBeforeRename } from "./inject.ts";
import { installWithFeatures } from "./install-with-features.ts";
import { codesOf, expectFindings, findingsOf } from "./status-support.ts";
import { expectInterception, expectNotInstalled, intactStatus, worldWithProxy } from "./support.ts";

/** A look takes a moment, and some changes do. */
const PATIENCE = { timeout: 20_000, interval: 200 } as const;
const TC = ["--ebpf-tc-attach-iface", "eth0"] as const;

async function sh(world: World, script: string, host = "service"): Promise<void> {
  const { exitCode, stderr } = await world.run(["sh", "-e", "-c", script], { cgroup: false, host });
  expect(exitCode, stderr).toBe(0);
}

/** The next install, with the same flags, sets it right: traffic is intercepted, and status has nothing to say. */
async function expectRepaired(world: World, ...flags: readonly string[]): Promise<void> {
  await world.install(...flags);
  await expectFindings(world, 0, []);
  await expectInterception(world);
}

test("pins that are gone", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await world.install(...TC);
  const remove = async (...names: readonly string[]) => {
    const { pins } = await intactStatus(world);
    for (const name of names) unlinkSync(join(pins, name));
  };
  for (const [names, codes] of [
    [
      ["link-cgroup_connect4", "link-netns_lookup"],
      ["hook-detached", "hook-detached"],
    ],
    [["map-tp_counters"], ["pin-missing"]],
    [["map-tp_sockets", "map-tp_inbound6"], ["pin-missing"]],
    [["program-tp_connect4", "program-tp_tc_ingress"], ["pin-missing"]],
    [["record"], ["record-damaged"]],
  ] as const) {
    await remove(...names);
    await expectFindings(world, 2, codes);
    await expectRepaired(world, ...TC);
  }
  const { pins } = await intactStatus(world);
  rmSync(pins, { recursive: true });
  await expectNotInstalled(world);
  await expectRepaired(world, ...TC);
  await world.uninstall();
  // Whose ::6 was, only the record knew.
  await sh(world, "ip addr del ::6/128 dev lo 2>/dev/null || true");
  await expectState(world, before);
});

test("another program in a link, and programs of others beside ours", async () => {
  await using world = await worldWithProxy();
  using scratch = new Scratch();
  using object = BpfObject.open(scratch.compile("basic"));
  object.load();
  await world.install();
  using _theirs = BpfLink.attachCgroup(object.program("allow"), world.cgroup, "connect4");
  const noted = await expectFindings(world, 0, ["other-programs"]);
  expect(noted[0]?.message).toMatch(/connect4 on cgroup \S+: allow \(program \d+, after ours\)$/);

  const { hooks } = await intactStatus(world);
  const id = hooks.find(({ hook }) => hook.program === "tp_connect4")?.linkId ?? 0;
  using link = BpfLink.byId(id);
  link?.update(object.program("allow"));
  await expectFindings(world, 2, ["hook-replaced", "other-programs"]);
  await world.install();
  await expectFindings(world, 0, ["other-programs"]);
  await expectInterception(world);
});

test("addresses that come and go, and ::6", async () => {
  await using world = await worldWithProxy();
  await world.install();
  await sh(world, "ip addr del ::6/128 dev lo");
  await expectFindings(world, 2, ["passthrough-address-gone"]);
  await expectRepaired(world);
  await sh(world, "ip addr add 10.66.0.77/24 dev eth0");
  const [added] = await expectFindings(world, 2, ["address-added"]);
  expect(added?.message).toContain("10.66.0.77");
  await expectRepaired(world);
  await sh(world, "ip addr del 10.66.0.77/24 dev eth0");
  const [lost] = await expectFindings(world, 2, ["address-lost"]);
  expect(lost?.message).toContain("10.66.0.77");
  await expectRepaired(world);
});

test("the interface that was named goes down, is renamed, goes, and comes back", async () => {
  await using world = await worldWithProxy();
  await world.install(...TC);
  await sh(world, "echo 1 > /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down; ip link set eth0 down");
  const down = await findingsOf(world);
  expect(down.exitCode).toBe(2);
  expect(down.findings.find(({ code }) => code === "interface-down")?.remedy).toContain(
    "ip link set eth0 up",
  );

  await sh(world, "ip link set eth0 name eth9; ip link set eth9 up");
  await expect.poll(() => codesOf(world), PATIENCE).toEqual(["0", "interface-renamed"]);
  await sh(world, "ip link set eth9 down; ip link set eth9 name eth0; ip link set eth0 up");
  await expect.poll(() => codesOf(world), PATIENCE).toEqual(["0"]);
  await expectInterception(world);

  await sh(world, "ip link del eth0");
  expect(await codesOf(world)).toEqual(expect.arrayContaining(["2", "interface-gone"]));
  await remakeVeth(world);
  expect(await codesOf(world)).toEqual(expect.arrayContaining(["2", "interface-replaced"]));
  await world.install(...TC);
  await expectInterception(world);
  expect((await codesOf(world))[0]).toBe("0");
});

/** Between the same two hosts, with another index. */
async function remakeVeth(world: World): Promise<void> {
  await sh(
    world,
    "ip link add spare0 type veth peer name spare1; ip link add eth0 type veth peer name veth9",
  );
  await sh(world, "ip link del spare0");
  await execa("ip", ["-n", world.netns("service"), "link", "set", "veth9", "netns", world.netns("remote")]);
  await sh(world, "ip link set veth9 name eth0", "remote");
  for (const [host, last] of [["service", 1] as const, ["remote", 2] as const]) {
    await sh(
      world,
      `ip addr add 10.66.0.${last}/24 dev eth0; ip addr add fd66::${last}/64 dev eth0 nodad`,
      host,
    );
    await sh(world, "ip link set eth0 up", host);
  }
  await sh(world, "ip route add default via 10.66.0.1; ip -6 route add default via fd66::1", "remote");
}

test("the cgroup goes, and is made anew", async () => {
  await using world = await World.create();
  const cgroup = join(world.cgroup, "app");
  world.defer(async () => {
    if (existsSync(cgroup)) rmdirSync(cgroup);
  });
  mkdirSync(cgroup);
  const flags = ["--ebpf-cgroup-path", cgroup] as const;
  await world.install(...flags);
  rmdirSync(cgroup);
  const first = async () => (await findingsOf(world)).findings[0];
  await expect
    .poll(first, PATIENCE)
    .toMatchObject({ code: "cgroup-gone", message: expect.stringContaining("is gone") });
  mkdirSync(cgroup);
  expect(await first()).toMatchObject({ code: "cgroup-gone", message: expect.stringContaining("made anew") });
  await world.install(...flags);
  expect((await codesOf(world))[0]).toBe("0");
  const proxy = await world.startProxy({ cgroup });
  const connection = await world.connect("10.66.0.2:8080", { cgroup });
  expect(connection).toMatchObject({ ok: true, server: { origdst: "10.66.0.2:8080" } });
  await proxy.stop();
});

test("without links to tc: filters, their qdisc, an interface that comes", async () => {
  await using world = await worldWithProxy();
  const lacks = { tcx: false, lookup: false } as const;
  await installWithFeatures(world, lacks);
  for (const damage of [
    "tc filter del dev eth0 ingress",
    "tc qdisc del dev eth0 clsact",
    "tc qdisc del dev eth0 clsact; tc qdisc add dev eth0 ingress",
  ]) {
    await sh(world, damage);
    await expectFindings(world, 2, ["hook-detached"]);
    await installWithFeatures(world, lacks);
    await expectFindings(world, 0, []);
    await expectInterception(world);
  }
  await world.addHost("second", "eth1", 1);
  expect(await codesOf(world)).toEqual(expect.arrayContaining(["2", "interface-added"]));
  await installWithFeatures(world, lacks);
  const inbound = await world.connect("10.66.1.1:8080", { host: "second", cgroup: false });
  expect(inbound).toMatchObject({ ok: true, server: { origdst: "10.66.1.1:8080" } });
  expect((await codesOf(world))[0]).toBe("0");
});

test("without links to tc, and without the record of the filters", async () => {
  await using world = await worldWithProxy();
  const clean = await kernelState(world);
  const lacks = { tcx: false } as const;
  const loseRecord = async () => {
    await installWithFeatures(world, lacks, ...TC);
    const { pins } = await intactStatus(world);
    unlinkSync(join(pins, "record"));
    return expectFindings(world, 2, ["record-damaged"]);
  };
  await loseRecord();
  await installWithFeatures(world, lacks, ...TC);
  await expectFindings(world, 0, []);
  await expectInterception(world);
  await loseRecord();
  const { stderr } = await world.uninstall();
  // The filter is known by its name; what has none, only the record knew.
  expect(stderr).toMatch(/the record in \S+ cannot be read.*::6 on lo .*the clsact qdisc .*dev eth0/);
  expect(
    (await world.run(["tc", "filter", "show", "dev", "eth0", "ingress"], { cgroup: false })).stdout,
  ).toBe("");
  await sh(world, "ip addr del ::6/128 dev lo; tc qdisc del dev eth0 clsact");
  await expectState(world, clean);
});

test("counters of another layout are no reason to fail", async () => {
  await using world = await worldWithProxy();
  await world.install();
  const { pins } = await intactStatus(world);
  unlinkSync(join(pins, "map-tp_counters"));
  using narrow = BpfMap.create({
    type: "array",
    name: "tp_counters",
    keySize: 4,
    valueSize: 4,
    maxEntries: 9,
  });
  narrow.pin(join(pins, "map-tp_counters"));
  expect((await intactStatus(world)).connections).toEqual({});
  expect((await world.tproxyctl(["status"])).exitCode).toBe(0);
  await expectRepaired(world);
  expect((await intactStatus(world)).connections).toMatchObject({ outboundRedirected: 2 });
});

test("resolv.conf names other servers", async () => {
  await using world = await worldWithProxy();
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-resolv-"));
  world.defer(async () => rmSync(directory, { recursive: true }));
  const file = join(directory, "resolv.conf");
  writeFileSync(file, "nameserver 10.66.0.2\nnameserver fd66::2\n");
  const env = { KUMA_TRANSPARENT_PROXY_REDIRECT_DNS_RESOLV_CONFIG_PATH: file };
  await world.installIn(env, "--redirect-dns");
  await expectFindings(world, 0, ["dns-proxy-not-listening"]);
  writeFileSync(file, "nameserver fd66::2\nnameserver 10.66.0.9\n");
  const [changed] = await expectFindings(world, 2, ["name-servers-changed", "dns-proxy-not-listening"]);
  expect(changed?.message).toMatch(/names 10\.66\.0\.9, .*no longer names 10\.66\.0\.2,/);
  await world.installIn(env, "--redirect-dns");
  await expectFindings(world, 0, ["dns-proxy-not-listening"]);
});

test("half an installation: killed before the last step", async () => {
  await using world = await worldWithProxy();
  world.defer(() => world.tproxyctl(["uninstall"]));
  await killBeforeRename(world);
  const { exitCode, findings } = await findingsOf(world);
  expect({ exitCode, codes: findings.map(({ code }) => code) }).toEqual({
    exitCode: 2,
    codes: ["unfinished"],
  });
  const { stdout } = await world.tproxyctl(["status"]);
  expect(stdout).toMatch(/^finding: an installation or its removal was under way .*`tproxyctl install`/m);
  await expectRepaired(world);
});
