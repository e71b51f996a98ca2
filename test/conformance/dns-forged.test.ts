// Nobody but the DNS proxy answers in the name of a name server: neither to a tag (decision 0008), nor from one.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatAddress, unmapAddress } from "../../src/core/address.ts";
import { Asker } from "../lifecycle/asker.ts";
import { someOf } from "../support/extent.ts";
import type { RunOptions, World } from "../support/world.ts";
import { KINDS, type Kind, MANNERS, type Manner, serverEndpoint } from "./dns-situation.ts";
import { startDnsWorld } from "./dns-world.ts";
import { LEGACY, NFT, SK_LOOKUP } from "./ways.ts";

/** Not the victim's, and not the DNS proxy's. */
const FORGER_UID = 2000;
const FORGE = join(import.meta.dirname, "fixtures/forge.py");
const DNS_PORT = 15053;

const SERVERS = { v4: "10.66.0.2,10.66.0.3", mapped: "10.66.0.2,10.66.0.3", v6: "fd66::2,fd66::3" } as const;
const PROXY = { v4: "127.0.0.1:15053", mapped: "127.0.0.1:15053", v6: "[::1]:15053" } as const;
const LOCALHOST = { v4: "127.0.0.1", mapped: "127.0.0.1", v6: "::1" } as const;

/** The DNS proxy listens on localhost alone: there, anybody may have its port. */
const OTHERS = {
  v4: ["127.0.0.9", "10.66.0.1", "::ffff:127.0.0.9"],
  mapped: ["127.0.0.9", "10.66.0.1", "::ffff:127.0.0.9"],
  v6: ["fd66::1"],
} as const;

interface Victim {
  readonly asker: Asker;
  readonly kind: Kind;
  /** Where a datagram reaches its socket. */
  readonly ends: readonly string[];
  /** The address that eBPF made up for the second server's answers. */
  readonly tag: string | undefined;
}

const CASES = [SK_LOOKUP, NFT, LEGACY].flatMap((way) => KINDS.map((kind) => ({ ...way, kind })));

describe.each(someOf(CASES, 3))("$way, $kind", ({ flags, kind }) => {
  let world: World;
  beforeAll(async () => {
    world = await startDnsWorld();
    await world.install(...flags, "--redirect-all-dns-traffic");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test.each(MANNERS)("from the DNS proxy's port at another address (%s)", async (manner) => {
    const victim = await findVictim(world, kind, manner);
    for (const from of OTHERS[kind])
      for (const to of victim.ends) await expectHarmless(world, victim, { from, to });
  });

  test.each(MANNERS)("from there, in the name of localhost (%s)", async (manner) => {
    const victim = await findVictim(world, kind, manner);
    for (const from of OTHERS[kind])
      for (const to of victim.ends)
        await expectHarmless(world, victim, { from, to, as: likewise(from, LOCALHOST[kind]) });
  });
});

describe.each(CASES.filter(({ engine, kind }) => engine === "ebpf" && kind !== "v6"))(
  "tags, $kind",
  ({ flags, kind }) => {
    test("nobody sends from one", async () => {
      await using world = await startDnsWorld();
      await world.install(...flags, "--redirect-all-dns-traffic");
      const victim = await findVictim(world, kind, "unconnected");
      const tag = victim.tag ?? expect.fail("there is no tag");
      expect(victim.ends).toHaveLength(2);
      for (const from of [tag, `::ffff:${tag}`])
        for (const to of victim.ends) await expectHarmless(world, victim, { from, to });
      for (const from of ["127.0.0.9", "::ffff:127.0.0.9"])
        for (const to of victim.ends)
          await expectHarmless(world, victim, { from, to, as: likewise(from, tag) });
    });
  },
);

describe("outside the cgroup, where no program of ours runs", () => {
  test.each(KINDS)("a forger is believed: a limit (%s)", async (kind) => {
    await using world = await startDnsWorld();
    await world.install(...SK_LOOKUP.flags, "--redirect-all-dns-traffic");
    const { asker, ends } = await findVictim(world, kind, "unconnected");
    const [from, to = ""] = [OTHERS[kind][0], ...ends];
    const forged = await forge(world, { from, to, as: LOCALHOST[kind] }, { cgroup: false });
    expect(forged).toBe("sent");
    expect((await asker.askAmongStrangers()).listeners).toContain("forged");
  });
});

interface Forgery {
  readonly from: string;
  readonly to: string;
  readonly as?: string;
  readonly connected?: boolean;
}

/** Whether or not the kernel lets the forger send: at the next time of asking, the DNS proxy alone is believed. */
async function expectHarmless(world: World, { asker, kind }: Victim, forgery: Forgery) {
  for (const connected of [false, true]) {
    expect(await forge(world, { ...forgery, connected })).toMatch(/^(sent|E[A-Z]+)$/);
    const answers = await asker.askAmongStrangers();
    const how = JSON.stringify({ ...forgery, connected });
    expect(answers, how).toMatchObject({ error: "", listeners: [PROXY[kind]] });
  }
}

async function forge(world: World, { from, to, as, connected }: Forgery, options: RunOptions = {}) {
  const target = isMapped(from) ? `[::ffff:${to.replace(/:(\d+)$/, "]:$1")}` : to;
  const flags = [
    ...["--from", serverEndpoint(from, DNS_PORT), "--to", target],
    ...(as === undefined ? [] : ["--as", as]),
    ...(connected === true ? ["--connect"] : []),
  ];
  const { stdout, stderr } = await world.run(["python3", FORGE, ...flags], { uid: FORGER_UID, ...options });
  expect(stderr).toBe("");
  return stdout;
}

function isMapped(address: string): boolean {
  return address.startsWith("::ffff:");
}

/** From a v4-mapped address, a v4-mapped one. */
function likewise(from: string, address: string): string {
  return isMapped(from) ? `::ffff:${address}` : address;
}

async function findVictim(world: World, kind: Kind, manner: Manner): Promise<Victim> {
  const asker = await Asker.open(world, SERVERS[kind], kind, manner, { flags: ["--wary"] });
  const local = await findLocalEnds(world, asker.pid, LOCALHOST[kind]);
  const tags = await readTags(world);
  const ofVictim = tags.filter(({ port }) => local.some((end) => end.port === port));
  const ends = [...local, ...ofVictim].map(({ address, port }) => serverEndpoint(address, port));
  return { asker, kind, ends, tag: ofVictim[0]?.address };
}

interface End {
  readonly address: string;
  readonly port: number;
}

/** Of a process' UDP sockets. One that has no address of its own is reached at localhost, too. */
async function findLocalEnds(world: World, pid: number, localhost: string): Promise<End[]> {
  const { stdout } = await world.run(["ss", "-Hunap"], { cgroup: false });
  const lines = stdout.split("\n").filter((line) => line.includes(`pid=${pid},`));
  if (lines.length === 0) throw new Error(`process ${pid} has no UDP socket:\n${stdout}`);
  return lines.map((line) => {
    const [, text = "", port] = /^\S+\s+\d+\s+\d+\s+(\S+):(\d+)\s/.exec(line) ?? [];
    const address = text.replace(/[[\]]|%.*/g, "").replace("::ffff:", "");
    const isAny = ["*", "::", "0.0.0.0"].includes(address);
    return { address: isAny ? localhost : address, port: Number(port) };
  });
}

/** As root, from the pinned map; nobody else can. */
async function readTags(world: World): Promise<End[]> {
  const home = join(world.bpffs, "tproxyctl");
  const paths = existsSync(home)
    ? readdirSync(home).map((each) => join(home, each, "map-tp_dns_answers"))
    : [];
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) return [];
  const { stdout } = await execa("bpftool", ["--json", "map", "dump", "pinned", path]);
  return (JSON.parse(stdout) as { key: string[] }[]).map(({ key }) => {
    const bytes = Uint8Array.from(key.map(Number));
    const address = formatAddress(unmapAddress({ family: 6, bytes: bytes.subarray(0, 16) }));
    return { address, port: ((bytes[16] ?? 0) << 8) | (bytes[17] ?? 0) };
  });
}
