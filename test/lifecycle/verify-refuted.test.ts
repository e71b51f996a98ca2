// `verify` where what is installed does not intercept: it says so, and by which connection.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BpfLink } from "../../src/bpf/link.ts";
import { someOf } from "../support/extent.ts";
import type { World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { intactStatus } from "./support.ts";
import { AS_PROXY, createWorld, expectRefuted, expectVerified, verify } from "./verify-support.ts";

test("nothing is installed: root sees that, the proxy's user proves it", async () => {
  await using world = await createWorld();
  expectRefuted(await verify(world), ["state"], /nothing is installed in this network namespace/);
  const proxy = await verify(world, ["--ip-family-mode=ipv4"], AS_PROXY);
  expectRefuted(proxy, ["own-application 4"], /it arrived at 127\.0\.0\.6:/);
});

const ENGINES = [
  ["eBPF", EBPF],
  ["iptables", IPTABLES.nft],
] as const;

describe.each(someOf(ENGINES, 2))("%s", (_title, engine) => {
  test("uninstalled in between", async () => {
    await using world = await createWorld();
    await world.install(...engine);
    expectVerified(await verify(world, [], AS_PROXY));
    await world.uninstall();
    expectRefuted(await verify(world), ["state"], /nothing is installed/);
    const proxy = await verify(world, ["--ip-family-mode=ipv4"], AS_PROXY);
    expectRefuted(proxy, ["own-application 4"], /it arrived at 127\.0\.0\.6:/);
  });

  test("no more time than is given", async () => {
    await using world = await createWorld();
    await world.install(...engine);
    const { stdout, stderr, exitCode } = await world.tproxyctl(["verify", "--timeout=150ms"]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toMatch(/did not end within 0\.15 s[\s\S]*--timeout[\s\S]*code: VERIFY_FAILED/);
  });
});

describe("eBPF", () => {
  test.each([
    ["connect4", ["outbound 4", "own-application 4", "state"], /went out of this host/],
    ["connect6", ["outbound 6", "own-application 6", "state"], /tp_connect6 is detached/],
    [
      "sockops",
      ["outbound 4", "own-application 4", "outbound 6", "own-application 6", "state"],
      /not with its/,
    ],
    [
      "getsockopt",
      ["outbound 4", "own-application 4", "outbound 6", "own-application 6", "state"],
      /not with/,
    ],
  ])("the program at %s is detached by hand", async (hook, names, words) => {
    await using world = await createWorld();
    await world.install();
    await detach(world, hook);
    expectRefuted(await verify(world), names, words);
  });

  test("the link's pin is removed by hand, and so the program with it", async () => {
    await using world = await createWorld();
    await world.install();
    const { pins } = await intactStatus(world);
    const pin = readdirSync(pins).find((name) => /^link-.*connect4/.test(name)) ?? "";
    rmSync(join(pins, pin));
    const proxy = await verify(world, ["--ip-family-mode=ipv4"], AS_PROXY);
    expectRefuted(proxy, ["own-application 4"], /it arrived at 127\.0\.0\.6:/);
  });
});

describe("iptables", () => {
  test.each([
    [
      "nat -F KUMA_MESH_OUTBOUND_REDIRECT",
      "iptables",
      ["outbound 4", "state"],
      /went out[\s\S]*rules are missing/,
    ],
    ["nat -F KUMA_MESH_INBOUND_REDIRECT", "iptables", ["own-application 4", "state"], /127\.0\.0\.6:/],
    ["nat -F KUMA_MESH_OUTBOUND_REDIRECT", "ip6tables", ["outbound 6", "state"], /went out/],
    ["nat -F PREROUTING", "iptables", ["state"], /rules are missing/],
    [
      "nat -I KUMA_MESH_OUTBOUND 1 -p tcp -j REDIRECT --to-ports 15001",
      "iptables",
      [
        "own-application 4",
        "localhost 4",
        "proxy-localhost 4",
        "passthrough 4",
        "proxy-elsewhere 4",
        "state",
      ],
      /arrived at the proxy's outbound port/,
    ],
  ])("%s (%s)", async (change, program, names, words) => {
    await using world = await createWorld();
    await world.install(...IPTABLES.nft);
    const { exitCode, stderr } = await world.run([program, "-t", ...change.split(" ")], { cgroup: false });
    expect(exitCode, stderr).toBe(0);
    expectRefuted(await verify(world), names, words);
  });

  test("::6 is taken from lo by hand", async () => {
    await using world = await createWorld();
    await world.install(...IPTABLES.nft);
    await world.ip("service", "address", "del", "::6/128", "dev", "lo");
    const result = await verify(world);
    expectRefuted(result, ["own-application 6", "passthrough 6", "state"], /::6 is gone from lo/);
  });
});

/** As `bpftool link detach` does. */
async function detach(world: World, hook: string): Promise<void> {
  const { pins } = await intactStatus(world);
  const pin = readdirSync(pins).find((name) => name.startsWith("link-") && name.includes(hook));
  if (pin === undefined) throw new Error(`there is no link at ${hook} in ${readdirSync(pins)}`);
  using link = BpfLink.open(join(pins, pin));
  link.detach();
}
