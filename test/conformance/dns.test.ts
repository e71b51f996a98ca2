import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, TPNET, type World } from "../support/world.ts";
import { askServers, MANNERS, situationsOf } from "./dns-situation.ts";
import { DNS_SETS } from "./dns-situations.ts";
import { installWithServers, startDnsWorld } from "./dns-world.ts";
import { outcome, tryOut, wanted } from "./try-dns.ts";
import { LEGACY, NFT, SK_LOOKUP } from "./ways.ts";

describe.each([SK_LOOKUP, NFT, LEGACY])("$way", ({ flags: way }) => {
  let world: World;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "tproxyctl-dns-"));
    world = await startDnsWorld();
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  describe.each(DNS_SETS)("$title", (set) => {
    beforeAll(() => installWithServers(world, directory, set.resolvConf, [...way, ...set.flags]));
    afterAll(() => world.uninstall());

    test.each(situationsOf(set))("$name ($kind, $manner): $expected", async (situation) => {
      expect(outcome(await tryOut(world, situation))).toEqual(wanted(situation, set.port));
    });
  });
});

describe("eBPF alone", () => {
  let world: World;

  beforeAll(async () => {
    world = await startDnsWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const SETTINGS = [
    { flags: [], listeners: ["10.66.0.2:53", "10.66.0.3:53"], programs: 0 },
    { flags: ["--redirect-all-dns-traffic"], listeners: ["127.0.0.1:15053"], programs: 4 },
    {
      flags: ["--redirect-all-dns-traffic", "--redirect-dns-port", "25053"],
      listeners: ["127.0.0.1:25053"],
      programs: 4,
    },
    { flags: [], listeners: ["10.66.0.2:53", "10.66.0.3:53"], programs: 0 },
  ];

  test("sendmsg and recvmsg are attached as long as DNS is redirected", async () => {
    for (const { flags, listeners, programs } of SETTINGS) {
      await world.install(...flags);
      for (const manner of MANNERS) {
        const answers = await askServers(world, ["10.66.0.2", "10.66.0.3"], [`--${manner}`], APP_UID);
        expect(outcome(answers)).toMatchObject({ lost: 0, strangers: 0, error: "", listeners });
      }
      expect((await attachedHooks(world)).filter((hook) => hook.includes("msg"))).toHaveLength(programs);
      expect((await world.status()).exitCode).toBe(0);
    }
    await world.uninstall();
    expect(await attachedHooks(world)).toEqual([]);
  });

  test("another network namespace in the same cgroup is left alone", async () => {
    await world.install("--redirect-all-dns-traffic");
    for (const manner of MANNERS) {
      const args = [TPNET, "dns-ask", "--servers", "10.66.0.2,10.66.0.3", `--${manner}`];
      const { stdout } = await world.run(args, { host: "remote", uid: APP_UID });
      expect(outcome(JSON.parse(stdout))).toMatchObject({
        lost: 0,
        strangers: 0,
        listeners: ["10.66.0.2:53", "10.66.0.3:53"],
      });
    }
    expect(await world.counter("dnsRedirected")).toBe(0);
    await world.uninstall();
  });

  // As a TCP connection: loopback cannot be reached from another device. iptables leaves it to time out.
  test("a socket that is bound to a device is refused, and counted", async () => {
    await world.install("--redirect-all-dns-traffic");
    for (const manner of MANNERS) {
      const flags = [`--${manner}`, "--device", "eth0"];
      const answers = await askServers(world, ["10.66.0.2"], flags, APP_UID);
      expect(answers).toMatchObject({ answered: 0, error: "EPERM" });
    }
    expect(await world.counter("dnsDeviceBound")).toBe(2);
    await world.uninstall();
  });
});

/** What the kernel says is attached to the world's cgroup. */
async function attachedHooks(world: World): Promise<string[]> {
  const { stdout } = await execa("bpftool", ["--json", "cgroup", "show", world.cgroup]);
  return (JSON.parse(stdout || "[]") as { attach_type: string }[]).map(({ attach_type }) => attach_type);
}
