// UDP sockets that are older than an installation, or outlive it: they do not stay where they were.

import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KINDS, type Kind } from "../conformance/dns-situation.ts";
import { installWithServers, startDnsWorld } from "../conformance/dns-world.ts";
import { someOf } from "../support/extent.ts";
import { PROXY_UID, TPNET, TPROXYCTL, type World } from "../support/world.ts";
import { type Asked, Asker } from "./asker.ts";
import { EBPF, IPTABLES, REMOTE } from "./engines.ts";

const FIRST = { v4: "10.66.0.2", mapped: "10.66.0.2", v6: "fd66::2" } as const;
const SECOND = { v4: "10.66.0.3", mapped: "10.66.0.3", v6: "fd66::3" } as const;
const LOCALHOST = { v4: "127.0.0.1", mapped: "127.0.0.1", v6: "[::1]" } as const;
const RESOLV_CONF = [FIRST.v4, FIRST.v6];

const ALL_DNS = "--redirect-all-dns-traffic";
const EXCLUDED_UID = 2000;

/** The kernel has forgotten where to: the socket has to be connected again. */
const DISCONNECTED: Asked = { listeners: [], error: "EDESTADDRREQ" };

function answeredBy(...listeners: readonly string[]): Asked {
  return { listeners, error: "" };
}

function server(address: string, port = 53): Asked {
  return answeredBy(address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);
}

function proxy(kind: Kind, port = 15053): Asked {
  return answeredBy(`${LOCALHOST[kind]}:${port}`);
}

const ENGINES = [
  { name: "eBPF", engine: EBPF, moved: () => DISCONNECTED, isEbpf: true },
  { name: "iptables-nft", engine: IPTABLES.nft, moved: (to: Asked) => to, isEbpf: false },
  { name: "iptables-legacy", engine: IPTABLES.legacy, moved: (to: Asked) => to, isEbpf: false },
] as const;

const CASES = ENGINES.flatMap((each) => KINDS.map((kind) => ({ ...each, kind })));

describe.each(someOf(CASES, 3))("$name, $kind", ({ engine, moved, isEbpf, kind }) => {
  const open = (world: World, address: string, manner: "connected" | "unconnected", options = {}) =>
    Asker.open(world, address, kind, manner, options);

  test("who asked before the installation asks the proxy, who asked before the removal the server", async () => {
    await using world = await startDnsWorld();
    if (!isEbpf) await haveConntrackWork(world);
    const before = await open(world, FIRST[kind], "connected");
    const free = await open(world, FIRST[kind], "unconnected");
    const installed = await world.install(...engine, ALL_DNS);
    expect(installed.stderr).toMatch(
      isEbpf ? /note: 1 UDP socket was connected/ : /note: 2 UDP sockets that were asking/,
    );
    expect(await before.ask()).toEqual(moved(proxy(kind)));
    expect(await free.ask()).toEqual(proxy(kind));
    const during = await open(world, FIRST[kind], "connected");
    const chosen = await open(world, `${LOCALHOST[kind]}:15053`, "connected");
    const removed = await world.uninstall();
    expect(removed.stderr).toMatch(
      isEbpf ? /note: 1 UDP socket was connected/ : /note: 3 UDP sockets that were asking/,
    );
    expect(await during.ask()).toEqual(moved(server(FIRST[kind])));
    expect(await free.ask()).toEqual(server(FIRST[kind]));
    expect(await chosen.ask()).toEqual(proxy(kind));
  });

  test("those that are not redirected are left alone", async () => {
    await using world = await startDnsWorld();
    const port5353 = `${FIRST[kind].includes(":") ? `[${FIRST[kind]}]` : FIRST[kind]}:5353`;
    const others: [Asker, Asked][] = [
      [await open(world, FIRST[kind], "connected", { uid: PROXY_UID }), server(FIRST[kind])],
      [await open(world, FIRST[kind], "connected", { uid: EXCLUDED_UID }), server(FIRST[kind])],
      [await open(world, SECOND[kind], "connected"), server(SECOND[kind])],
      [await open(world, port5353, "connected"), server(FIRST[kind], 5353)],
      [await open(world, FIRST[kind], "connected", REMOTE), server(FIRST[kind])],
      [await open(world, `${LOCALHOST[kind]}:15053`, "connected"), proxy(kind)],
    ];
    if (isEbpf)
      others.push([await open(world, FIRST[kind], "connected", { cgroup: false }), server(FIRST[kind])]);
    const exclusions = [
      "--exclude-outbound-ports-for-uids",
      `udp:53:${EXCLUDED_UID}`,
      "--exclude-outbound-ips",
      SECOND[kind],
    ];
    const installed = await world.install(...engine, ALL_DNS, ...exclusions);
    for (const [asker, expected] of others) expect(await asker.ask()).toEqual(expected);
    const removed = await world.uninstall();
    for (const [asker, expected] of others) expect(await asker.ask()).toEqual(expected);
    expect(installed.stderr + removed.stderr).not.toContain("UDP socket");
  });

  test("a change moves those that it is about, and no others", async () => {
    await using world = await startDnsWorld();
    const first = await open(world, FIRST[kind], "connected");
    const second = await open(world, SECOND[kind], "connected");
    const directory = mkdtempSync(join(tmpdir(), "tproxyctl-dns-"));
    try {
      await installWithServers(world, directory, RESOLV_CONF, [...engine, "--redirect-dns"]);
    } finally {
      rmSync(directory, { recursive: true });
    }
    expect(await first.ask()).toEqual(moved(proxy(kind)));
    expect(await second.ask()).toEqual(server(SECOND[kind]));

    const again = await open(world, FIRST[kind], "connected");
    await world.install(...engine, ALL_DNS);
    expect(await again.ask()).toEqual(proxy(kind));
    expect(await second.ask()).toEqual(moved(proxy(kind)));

    expect((await world.install(...engine, ALL_DNS)).stderr).not.toContain("UDP socket");
    expect(await again.ask()).toEqual(proxy(kind));

    await world.install(...engine, ALL_DNS, "--redirect-dns-port", "25053");
    expect(await again.ask()).toEqual(moved(proxy(kind, 25053)));

    const last = await open(world, SECOND[kind], "connected");
    await world.install(...engine);
    expect(await last.ask()).toEqual(moved(server(SECOND[kind])));
  });
});

describe.each(someOf(KINDS, 3))("one engine in the other's place, %s", (kind) => {
  test("eBPF in that of iptables", async () => {
    await using world = await startDnsWorld();
    await world.install(...IPTABLES.nft, ALL_DNS);
    const connected = await Asker.open(world, FIRST[kind], kind, "connected");
    const free = await Asker.open(world, FIRST[kind], kind, "unconnected");
    await world.install(...EBPF, ALL_DNS);
    expect(await connected.ask()).toEqual(DISCONNECTED);
    expect(await free.ask()).toEqual(proxy(kind));
    await world.install(...EBPF);
    expect(await free.ask()).toEqual(server(FIRST[kind]));
  });

  test("iptables in that of eBPF", async () => {
    await using world = await startDnsWorld();
    await world.install(...EBPF, ALL_DNS);
    const connected = await Asker.open(world, FIRST[kind], kind, "connected");
    const free = await Asker.open(world, FIRST[kind], kind, "unconnected");
    const { stderr } = await world.install(...IPTABLES.nft, ALL_DNS);
    expect(stderr).toContain("note: 1 UDP socket was connected");
    expect(await connected.ask()).toEqual(DISCONNECTED);
    expect(await free.ask()).toEqual(proxy(kind));
  });
});

describe("iptables", () => {
  const DNAT = ["-t", "nat", "-A", "OUTPUT", "-d", "10.66.0.9", "-p", "udp", "--dport", "53"];
  const TO_OTHER_PORT = ["-j", "DNAT", "--to-destination", "10.66.0.2:5353"];

  test("somebody else's redirection goes on for whom ours is not there", async () => {
    await using world = await startDnsWorld();
    const { exitCode, stderr } = await world.run(["iptables-nft", ...DNAT, ...TO_OTHER_PORT], {
      cgroup: false,
    });
    expect(exitCode, stderr).toBe(0);
    const elsewhere = server("10.66.0.2", 5353);
    const app = await Asker.open(world, "10.66.0.9", "v4", "connected");
    const directory = mkdtempSync(join(tmpdir(), "tproxyctl-dns-"));
    world.defer(async () => rmSync(directory, { recursive: true }));
    await installWithServers(world, directory, RESOLV_CONF, [...IPTABLES.nft, "--redirect-dns"]);
    expect(await app.ask()).toEqual(elsewhere);
    const installed = await world.install(...IPTABLES.nft, ALL_DNS);
    expect(installed.stderr).toContain("note: 1 UDP socket that was asking");
    expect(await app.ask()).toEqual(proxy("v4"));
    await world.uninstall();
    expect(await app.ask()).toEqual(elsewhere);
  });
});

describe("eBPF", () => {
  test("who waits for an answer is told at once", async () => {
    await using world = await startDnsWorld("60000");
    // The DNS proxy answers nobody for a minute. It is the removal that ends the waiting.
    await world.install(...EBPF, ALL_DNS);
    const flags = ["--servers", "10.66.0.2", "--connected", "--repeat", "50000", "--timeout", "50000"];
    const waiting = world.run([TPNET, "dns-ask", ...flags], { uid: 1000 });
    await untilConnected(world);
    await world.uninstall();
    expect(JSON.parse((await waiting).stdout)).toMatchObject({ answered: 0, error: "ECONNABORTED" });
  });

  test("a thousand sockets of each kind", async () => {
    await using world = await startDnsWorld();
    const flags = ["--sockets", "1000"];
    for (const kind of KINDS) await Asker.open(world, FIRST[kind], kind, "connected", { flags });
    const free = await Asker.open(world, FIRST.v4, "v4", "unconnected", { flags });
    const { stderr } = await world.install(...EBPF, ALL_DNS);
    expect(stderr).toContain("note: 3000 UDP sockets were connected");
    expect(await free.ask()).toEqual(proxy("v4"));
  });

  test("a cgroup in the one of the installation belongs to it", async () => {
    await using world = await startDnsWorld();
    const inner = join(world.cgroup, "inner");
    mkdirSync(inner);
    world.defer(async () => rmdirSync(inner));
    const asker = await Asker.open(world, FIRST.v4, "v4", "connected", { cgroup: inner });
    await world.install(...EBPF, ALL_DNS);
    expect(await asker.ask()).toEqual(DISCONNECTED);
  });

  test.each(someOf(KINDS, 3))(
    "where the kernel cannot disconnect them, the processes are named (%s)",
    async (kind) => {
      await using world = await startDnsWorld();
      const asker = await Asker.open(world, FIRST[kind], kind, "connected");
      const outside = await Asker.open(world, FIRST[kind], kind, "connected", { cgroup: false });
      const lacking = (...args: readonly string[]) =>
        world.run([TPNET, "run", "--without", "sock_diag", "--", TPROXYCTL, ...args], { cgroup: false });
      const installed = await lacking(...world.installArguments(...EBPF, ALL_DNS));
      expect(installed.exitCode, installed.stderr).toBe(0);
      const [asked = ""] = server(FIRST[kind]).listeners;
      expect(installed.stderr).toContain(`process ${asker.pid} (tpnet) asks ${asked}; restart`);
      expect(installed.stderr).not.toContain(`process ${outside.pid} `);
      // A v4-mapped one goes through sendmsg4 with each query: to its peer, from whom alone it takes an answer.
      expect(await asker.ask()).toEqual(server(FIRST[kind]));
      const later = await Asker.open(world, FIRST[kind], kind, "connected");
      const removed = await lacking("uninstall", "transparent-proxy");
      expect(removed.exitCode, removed.stderr).toBe(0);
      const [redirectedTo = ""] = proxy(kind).listeners;
      expect(removed.stderr).toContain(`process ${later.pid} (tpnet) asks ${redirectedTo}; restart`);
    },
  );
});

/** By a rule of somebody else's. */
async function haveConntrackWork(world: World): Promise<void> {
  for (const program of ["iptables-nft", "ip6tables-nft"]) {
    const rule = [
      "-t",
      "nat",
      "-A",
      "OUTPUT",
      "-p",
      "tcp",
      "--dport",
      "9",
      "-j",
      "REDIRECT",
      "--to-ports",
      "9",
    ];
    const { exitCode, stderr } = await world.run([program, ...rule], { cgroup: false });
    expect(exitCode, stderr).toBe(0);
  }
}

async function untilConnected(world: World): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { stdout } = await world.run(["ss", "-Hun", "state", "established"], { cgroup: false });
    if (stdout.includes(":15053")) return;
    if (Date.now() > deadline) throw new Error(`no socket is connected to the DNS proxy: ${stdout}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// The iptables engine looks for them whatever was there before.
test("killed when it is in place and has not come to them, a first installation of eBPF leaves them to the next", async () => {
  await using world = await startDnsWorld();
  const report = `${world.bpffs}-calls`;
  world.defer(async () => rmSync(report, { force: true }));
  const install = [TPROXYCTL, ...world.installArguments(...EBPF, ALL_DNS)];
  const traced = (...options: readonly string[]) =>
    world.run([TPNET, "kill-at", "--report", report, ...options, "--", ...install], { cgroup: false });
  expect(await traced()).toMatchObject({ exitCode: 0 });
  await world.uninstall();
  const calls: { readonly nth: number; readonly what: string }[] = readFileSync(report, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const inPlace = calls.findLastIndex(({ what = "" }) => what.startsWith("rename "));

  const older = await Asker.open(world, FIRST.v4, "v4", "connected");
  expect(await traced("--nth", `${calls[inPlace + 1]?.nth}`)).toMatchObject({ exitCode: 128 + 9 });
  expect(await older.ask()).toEqual(server(FIRST.v4));
  const status = () => world.run([TPROXYCTL, "status"], { cgroup: false });
  expect(await status()).toMatchObject({
    exitCode: 2,
    stdout: expect.stringMatching(/^finding: an installation .* has not ended/m),
  });
  expect((await world.install(...EBPF, ALL_DNS)).stderr).toMatch(/note: 1 UDP socket/);
  expect(await older.ask()).toEqual(DISCONNECTED);
  expect(await status()).toMatchObject({ exitCode: 0 });
});
