// Who asks for DNS already, from behind this host or on it, while installations come, change and go: what others redirect,
// and what nobody does, stays as it is. What cannot be mended is said, and is in nobody's way.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startDnsWorld } from "../conformance/dns-world.ts";
import { someOf } from "../support/extent.ts";
import { PROXY_UID, type RunOptions, TPNET, TPROXYCTL, type World } from "../support/world.ts";
import { type Asked, Asker } from "./asker.ts";
import { EBPF, IPTABLES, REMOTE } from "./engines.ts";
import { everyForm } from "./inject.ts";
import { CONTAINER, NETWORKS } from "./networks.ts";

const NEIGHBOUR = { host: "neighbour", cgroup: false } as const;
const ALL_DNS = "--redirect-all-dns-traffic";
const ONE_ZONE = "--skip-dns-conntrack-zone-split";
const FORWARDED = /note: (\d+ flows?) of DNS queries from other hosts will go/;

const ENGINES = [
  { name: "eBPF", engine: EBPF },
  { name: "iptables-nft", engine: IPTABLES.nft },
  { name: "iptables-legacy", engine: IPTABLES.legacy },
] as const;

const FAMILIES = [
  {
    kind: "v4",
    remote: "10.66.0.2",
    eth0: "10.66.0.1",
    br1: "10.66.1.1",
    br2: "10.66.2.1",
    last: "10.66.2.2",
  },
  { kind: "v6", remote: "fd66::2", eth0: "fd66::1", br1: "fd66:1::1", br2: "fd66:2::1", last: "fd66:2::2" },
] as const;

const end = (address: string, port: number) =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

function by(address: string, port = 53): Asked {
  return { listeners: [end(address, port)], error: "" };
}

/** A container on br1, which is to be a virtual network, and a neighbour on br2, which is not. */
async function worldWithBridges(): Promise<World> {
  const world = await startDnsWorld();
  try {
    await world.addHost("container", "br1", 1);
    await world.addHost("neighbour", "br2", 2);
    await mustRun(world, ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    // Conntrack works where a rule needs it.
    const needs = ["-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "REDIRECT", "--to-ports", "9"];
    for (const tool of ["iptables-nft", "ip6tables-nft"]) await mustRun(world, [tool, "-t", "nat", ...needs]);
    const serve = (listen: readonly string[], options: RunOptions) =>
      world.start([TPNET, "dns-serve", ...listen.flatMap((each) => ["--listen", each])], options);
    for (const { br1, br2, last } of FAMILIES) {
      await serve([end(br1, 15053)], { uid: PROXY_UID });
      await serve([end(br2, 53)], { cgroup: false });
      await serve([end(last, 15053)], NEIGHBOUR);
    }
    return world;
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

async function mustRun(world: World, args: readonly string[], options: RunOptions = {}): Promise<void> {
  const { exitCode, stderr } = await world.run(args, { cgroup: false, ...options });
  expect(exitCode, stderr).toBe(0);
}

const CASES = ENGINES.flatMap((each) => FAMILIES.map((family) => ({ ...each, ...family })));

describe.each(someOf(CASES, 2))("$name, $kind", ({ engine, kind, remote, eth0, br1, br2, last }) => {
  test("only those of the network are moved", async () => {
    await using world = await worldWithBridges();
    // As docker publishes a port. The rule goes again: only conntrack still knows of it.
    const nat = [kind === "v4" ? "iptables-nft" : "ip6tables-nft", "-t", "nat"];
    const publish = ["PREROUTING", "-i", "eth0", "-p", "udp", "--dport", "53", "-j", "DNAT"];
    publish.push("--to-destination", end(last, 15053));
    await mustRun(world, [...nat, "-A", ...publish]);
    const open = (address: string, options: RunOptions) =>
      Asker.open(world, address, kind, "connected", options);
    const published = await open(eth0, REMOTE);
    await mustRun(world, [...nat, "-D", ...publish]);
    const others: [Asker, Asked][] = [
      [published, by(last, 15053)],
      [await open(remote, NEIGHBOUR), by(remote)],
      [await open(br2, NEIGHBOUR), by(br2)],
    ];
    const container = await open(remote, CONTAINER);
    const expectOthers = async () => {
      for (const [asker, expected] of others) expect(await asker.ask()).toEqual(expected);
    };

    const installed = await world.install(...engine, ...NETWORKS);
    expect(installed.stderr.match(FORWARDED)?.[1], installed.stderr).toBe("1 flow");
    expect(installed.stderr).not.toContain("UDP socket");
    expect(await container.ask()).toEqual(by(br1, 15053));
    await expectOthers();

    const again = await world.install(...engine, ...NETWORKS);
    expect(again.stderr).not.toMatch(/of DNS queries|UDP socket/);
    expect(await container.ask()).toEqual(by(br1, 15053));
    await expectOthers();

    const removed = await world.uninstall();
    expect(removed.stderr.match(FORWARDED)?.[1], removed.stderr).toBe("1 flow");
    expect(removed.stderr).not.toContain("UDP socket");
    expect(await container.ask()).toEqual(by(remote));
    await expectOthers();
  });
});

describe("killed when the rules are there, and flows are not corrected", () => {
  /** The second time a record is put in its place: what was wanted is there. */
  async function installKilled(world: World, ...flags: readonly string[]): Promise<void> {
    const strace = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${everyForm("rename")}`];
    const command = [...strace, "-e", `inject=${everyForm("rename")}:signal=KILL:when=2`, TPROXYCTL];
    const { exitCode } = await world.run([...command, ...world.installArguments(...flags)], {
      cgroup: false,
    });
    expect(exitCode).not.toBe(0);
  }

  /** What the record keeps until the flows are corrected; undefined: nothing. */
  function formerPorts(world: World): unknown {
    const { ino } = statSync(join("/run/netns", world.netns("service")));
    const path = `/run/tproxyctl/iptables-${ino}.json`;
    if (!existsSync(path)) return undefined;
    return (JSON.parse(readFileSync(path, "utf8")) as { readonly formerDnsPorts?: unknown }).formerDnsPorts;
  }

  const NEXT = [
    { next: "installation", go: (world: World) => world.install(...IPTABLES.nft) },
    { next: "removal", go: (world: World) => world.uninstall() },
  ] as const;

  test.each(NEXT)("the next $next corrects those of sockets here", async ({ go }) => {
    await using world = await worldWithBridges();
    // In a zone of its own a flow would be met no more as soon as its zone is not chosen.
    await world.install(...IPTABLES.nft, ALL_DNS, ONE_ZONE, "--redirect-dns-port", "25053");
    const asker = await Asker.open(world, "10.66.0.2", "v4", "connected");
    await installKilled(world, ...IPTABLES.nft);
    expect(formerPorts(world)).toEqual([25053]);
    expect(await asker.ask()).toEqual(by("127.0.0.1", 25053));
    expect((await go(world)).stderr).toContain("note: 1 UDP socket that was asking");
    expect(await asker.ask()).toEqual(by("10.66.0.2"));
    expect(formerPorts(world)).toBeUndefined();
  });

  test.each(NEXT)("the next $next corrects those of networks", async ({ go }) => {
    await using world = await worldWithBridges();
    await world.install(...IPTABLES.nft, ...NETWORKS);
    const asker = await Asker.open(world, "10.66.0.2", "v4", "connected", CONTAINER);
    await installKilled(world, ...IPTABLES.nft);
    expect(await asker.ask()).toEqual(by("10.66.1.1", 15053));
    expect((await go(world)).stderr).toMatch(FORWARDED);
    expect(await asker.ask()).toEqual(by("10.66.0.2"));
  });
});

describe("conntrack cannot be asked to forget", () => {
  const SENDS = ["-qq", "-e", "trace=sendto", "-e", "signal=none"];

  /** Over the other engine: the take-over goes on to its end. */
  test.each([
    { engine: "ebpf", first: IPTABLES.nft, second: EBPF },
    { engine: "iptables", first: EBPF, second: IPTABLES.nft },
  ])("$engine: it is said, and all else is done", async ({ engine, first, second }) => {
    await using world = await worldWithBridges();
    const directory = mkdtempSync(join(tmpdir(), "tproxyctl-dns-"));
    world.defer(async () => rmSync(directory, { recursive: true }));
    const trace = join(directory, "trace");
    const asker = await Asker.open(world, "10.66.0.2", "v4", "connected", CONTAINER);
    const install = async (...strace: readonly string[]) => {
      await world.install(...first);
      expect(await asker.ask()).toEqual(by("10.66.0.2"));
      const command = ["strace", ...strace, TPROXYCTL, ...world.installArguments(...second, ...NETWORKS)];
      const { exitCode, stderr } = await world.run(command, { cgroup: false });
      expect(exitCode, stderr).toBe(0);
      return stderr;
    };

    // Which of its messages is the one to conntrack.
    expect(await install(...SENDS, "-o", trace)).toMatch(FORWARDED);
    const sent = readFileSync(trace, "utf8").split("\n");
    const nth = 1 + sent.findIndex((line) => /IPCTNL_MSG_CT_DELETE|nlmsg_type=0x102\b/.test(line));
    expect(nth).toBeGreaterThan(0);
    await world.uninstall();

    const said = await install(...SENDS, "-o", "/dev/null", "-e", `inject=sendto:error=EBUSY:when=${nth}`);
    expect(said).toMatch(
      /note: having who asks .* the right one failed: .*EBUSY; .*restart what it belongs to/,
    );
    const { exitCode, status } = await world.status();
    expect({ exitCode, engine: status?.engine }).toEqual({ exitCode: 0, engine });
    const rules = await world.run(["iptables-save"], { cgroup: false });
    expect(rules.stdout).not.toContain("have changed places");
    expect(await asker.ask()).toEqual(by("10.66.0.2"));

    expect((await world.install(...second, ...NETWORKS)).stderr).toMatch(FORWARDED);
    expect(await asker.ask()).toEqual(by("10.66.1.1", 15053));
  });
});
