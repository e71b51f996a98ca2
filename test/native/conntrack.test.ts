import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../src/core/address.ts";
import { trackExistingConnections } from "../../src/host/conntrack.ts";
import { type ConntrackEntry, deleteEntryRequest, newEntryRequest } from "../../src/host/conntrack-entry.ts";
import { CONNECTED, countConnectionsTo, readTcpSockets, TCP_STATE } from "../../src/host/tcp-sockets.ts";
import { NetlinkSocket } from "../../src/native/netlink.ts";
import { projectRoot } from "../support/project-files.ts";
import { APP_UID, World } from "../support/world.ts";
import {
  ADDRESSES,
  conntrackTable,
  type Family,
  FROM_REMOTE,
  Idle,
  inService,
  type Kind,
  redirect,
  worldWithServers,
} from "./conntrack-world.ts";
import { ScratchNetns } from "./support.ts";

const COUNT = 20;
const COMBINATIONS: readonly (readonly [Kind, Family])[] = [
  ["nft", "v4"],
  ["nft", "v6"],
  ["legacy", "v4"],
  ["legacy", "v6"],
];

describe.each(COMBINATIONS)("connections that are older than the rules (%s, %s)", (kind, family) => {
  const { inbound, outbound } = ADDRESSES[family];

  // The control: this is what tracking is good for, and what shows that the next test can fail.
  test("are redirected and reset when conntrack does not know them", async () => {
    await using world = await worldWithServers();
    const out = await Idle.open(world, outbound, COUNT);
    const into = await Idle.open(world, inbound, COUNT, FROM_REMOTE);
    await redirect(world, kind, family);
    expect([await out.countAlive(), await into.countAlive()]).toEqual([0, 0]);
  });

  test("go on when it was told of them, and new ones are redirected", async () => {
    await using world = await worldWithServers();
    const out = await Idle.open(world, outbound, COUNT);
    const into = await Idle.open(world, inbound, COUNT, FROM_REMOTE);
    await redirect(world, kind, family, () => {
      inService(world, () => {
        expect(trackExistingConnections()).toEqual({ tracked: 2 * COUNT });
        expect(conntrackTable()).toHaveLength(2 * COUNT);
        expect(trackExistingConnections()).toEqual({ tracked: 0 });
      });
    });
    expect((await world.connect(outbound)).server).toMatchObject({ origdst: outbound });
    expect((await world.connect(inbound, FROM_REMOTE)).server).toMatchObject({ origdst: inbound });
    expect([await out.countAlive(), await into.countAlive()]).toEqual([COUNT, COUNT]);
  });
});

test("connections of an IPv6 socket to an IPv4 address are tracked as IPv4", async () => {
  await using world = await worldWithServers();
  const out = await Idle.open(world, "[::ffff:10.66.0.2]:8080", COUNT);
  await redirect(world, "nft", "v4", () => {
    expect(inService(world, trackExistingConnections)).toEqual({ tracked: COUNT });
  });
  expect(await out.countAlive()).toBe(COUNT);
});

test("a connection with both its ends here is one entry", async () => {
  await using world = await worldWithServers();
  const own = await Idle.open(world, ADDRESSES.v4.inbound, COUNT);
  expect(inService(world, () => readTcpSockets(CONNECTED))).toHaveLength(2 * COUNT);
  await redirect(world, "nft", "v4", () => {
    expect(inService(world, trackExistingConnections)).toEqual({ tracked: COUNT });
    expect(inService(world, conntrackTable)).toHaveLength(COUNT);
  });
  expect(await own.countAlive()).toBe(COUNT);
});

test("thousands of connections are tracked, and all go on", async () => {
  await using world = await worldWithServers();
  const out = await Idle.open(world, ADDRESSES.v4.outbound, 5000);
  await redirect(world, "nft", "v4", () => {
    expect(inService(world, trackExistingConnections)).toEqual({ tracked: 5000 });
  });
  expect(await out.countAlive()).toBe(5000);
});

describe("connections that are being made", () => {
  /** A connection each way whose SYN got out, but has no answer: our host sends to nobody's Ethernet address. */
  async function openBoth(world: World, whenSent: () => Promise<void>) {
    const link = JSON.parse(await world.ip("remote", "-json", "link", "show", "eth0"))[0].address as string;
    const neighbour = (address: string) =>
      world.ip(
        "service",
        "neigh",
        "replace",
        "10.66.0.2",
        "lladdr",
        address,
        "nud",
        "permanent",
        "dev",
        "eth0",
      );
    await neighbour("02:00:00:00:00:99");
    const flags = ["--timeout", "20000"];
    const attempts = [
      world.connect(ADDRESSES.v4.outbound, { flags }),
      world.connect(ADDRESSES.v4.inbound, { flags, ...FROM_REMOTE }),
    ];
    try {
      await untilStates(world, [TCP_STATE.synSent, TCP_STATE.synReceived]);
      await whenSent();
    } finally {
      // Also where something failed: the world can only be removed when they have ended.
      await neighbour(link);
      await Promise.allSettled(attempts);
    }
    return (await Promise.all(attempts)).map(({ server }) => server?.listener);
  }

  test("go to the proxy when conntrack does not know them", async () => {
    await using world = await worldWithServers();
    const reached = await openBoth(world, () => redirect(world, "nft", "v4"));
    expect(reached[0]).toBe("0.0.0.0:15001");
  });

  test("go on to where they were going when it does", async () => {
    await using world = await worldWithServers();
    const reached = await openBoth(world, () =>
      redirect(world, "nft", "v4", () => {
        inService(world, () => {
          expect(trackExistingConnections()).toEqual({ tracked: 2 });
          expect(
            conntrackTable()
              .map((line) => line.split(/\s+/)[5])
              .sort(),
          ).toEqual(["SYN_RECV", "SYN_SENT"]);
        });
      }),
    );
    expect(reached).toEqual([ADDRESSES.v4.outbound, ADDRESSES.v4.inbound]);
  });
});

async function untilStates(world: World, states: readonly number[]): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = inService(world, () => readTcpSockets(CONNECTED)).map(({ state }) => state);
    if (states.every((state) => found.includes(state))) return;
    if (Date.now() > deadline) throw new Error(`the sockets are in the states ${found}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const LATE_SERVER = `import socket, sys
s = socket.create_server((sys.argv[1], 9000)); print("ready", flush=True)
c = s.accept()[0]
while c.recv(100): pass
sys.stdin.readline(); c.sendall(b"late"); c.close(); sys.stdin.readline()`;

const HALF_CLOSING_CLIENT = `import socket, sys
c = socket.create_connection((sys.argv[1], 9000)); c.sendall(b"x"); c.shutdown(socket.SHUT_WR)
print("ready", flush=True)
try: print("got " + c.recv(100).decode(), flush=True)
except OSError as error: print("got nothing:", error, flush=True)
sys.stdin.readline()`;

test("half-closed connections go on in the direction that is open", async () => {
  await using world = await World.create();
  const python = (code: string, address: string, options: object) =>
    world.start(["/usr/bin/python3", "-c", code, address], options);
  const app = { uid: APP_UID };
  const there = await python(LATE_SERVER, "10.66.0.2", FROM_REMOTE);
  const here = await python(LATE_SERVER, "10.66.0.1", app);
  const clients = [
    await python(HALF_CLOSING_CLIENT, "10.66.0.2", app),
    await python(HALF_CLOSING_CLIENT, "10.66.0.1", FROM_REMOTE),
  ];
  await untilStates(world, [TCP_STATE.finWait2, TCP_STATE.closeWait]);
  await redirect(world, "nft", "v4", () => {
    // An acknowledgement that came late has told conntrack of one itself, perhaps.
    expect(inService(world, trackExistingConnections).note).toBeUndefined();
    expect(inService(world, conntrackTable)).toHaveLength(2);
  });
  for (const server of [there, here]) server.child.stdin?.write("\n");
  for (const client of clients) {
    expect(await client.waitFor((line) => line.startsWith("got"))).toBe("got late");
  }
});

/** Sends four million bytes at once, more than any window that is not scaled has room for, and reads them back. */
const BULK_CLIENT = `import socket, sys, threading
c = socket.create_connection((sys.argv[1], 8080)); c.recv(1000); c.settimeout(10)
print("ready", flush=True)
sys.stdin.readline()
threading.Thread(target=c.sendall, args=(bytes(4_000_000),), daemon=True).start()
left = 4_000_000
try:
    while left: left -= len(c.recv(65536))
except OSError: pass
print("missing", left, flush=True)
sys.stdin.readline()`;

test("connections go on at full speed: no packet of theirs looks invalid", async () => {
  await using world = await worldWithServers();
  const client = (address: string, options: object) =>
    world.start(["/usr/bin/python3", "-c", BULK_CLIENT, address], options);
  const clients = [await client("10.66.0.2", { uid: APP_UID }), await client("10.66.0.1", FROM_REMOTE)];
  await redirect(world, "nft", "v4", () => {
    expect(inService(world, trackExistingConnections)).toEqual({ tracked: 2 });
  });
  for (const { child } of clients) child.stdin?.write("\n");
  for (const one of clients) {
    expect(await one.waitFor((line) => line.startsWith("missing"))).toBe("missing 0");
  }
  const { stdout } = await world.run(["iptables-nft-save", "-t", "mangle", "-c"], { cgroup: false });
  expect(stdout).toContain("[0:0] -A PREROUTING -m conntrack --ctstate INVALID -j DROP");
});

test("the connections that the proxy has are counted, whichever way they came", async () => {
  await using world = await worldWithServers();
  const count = () => inService(world, () => countConnectionsTo(new Set([15001, 15006])));
  expect(count()).toBe(0);
  const older = await Idle.open(world, ADDRESSES.v4.outbound, COUNT);
  await redirect(world, "nft", "v4", () => inService(world, trackExistingConnections));
  await redirect(world, "nft", "v6");
  expect(count()).toBe(0);
  const out = await Idle.open(world, ADDRESSES.v4.outbound, 3);
  expect(count()).toBe(3);
  const into = await Idle.open(world, ADDRESSES.v6.inbound, 4, FROM_REMOTE);
  expect(count()).toBe(7);
  for (const connections of [out, into]) await connections.countAlive();
  await untilCountIs(0, count);
  expect(await older.countAlive()).toBe(COUNT);
});

async function untilCountIs(wanted: number, count: () => number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (let found = count(); found !== wanted; found = count()) {
    if (Date.now() > deadline) throw new Error(`${found} connections are counted, not ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("entries", () => {
  const end = (text: string, port: number) => {
    const address = parseAddress(text);
    if (address === undefined) throw new Error(`${text} is no address`);
    return { address, port };
  };

  test.each([
    ["opening", "120 SYN_SENT", "[UNREPLIED]"],
    ["opened", "60 SYN_RECV", "mark"],
    ["established", "1000 ESTABLISHED", "[ASSURED]"],
    ["closing", "120 FIN_WAIT", "[ASSURED]"],
  ] as const)("of a connection that is %s are made once, and removed", (stage, state, status) => {
    const entry: ConntrackEntry = { from: end("fd66::1", 1000), to: end("fd66::2", 2000), stage };
    using _netns = new ScratchNetns();
    using netlink = new NetlinkSocket("netfilter");
    const add = newEntryRequest(entry, 1000);
    // 17: it exists, as far as this direction or the other one goes.
    const turned = newEntryRequest({ ...entry, from: entry.to, to: entry.from }, 1000);
    expect(netlink.requestAll([add, add, turned])).toEqual([0, 17, 17]);
    const [line, ...others] = conntrackTable();
    expect(line?.replace(/ (\d+)9 /, (_, tens) => ` ${Number(tens) + 1}0 `)).toContain(state);
    expect(line).toContain(status);
    expect(others).toEqual([]);
    // 2: there is none any more.
    expect(netlink.requestAll([deleteEntryRequest(entry), deleteEntryRequest(entry)])).toEqual([0, 2]);
    expect(conntrackTable()).toEqual([]);
  });
});

test("a host without connections needs nothing of conntrack, and one without the capability says so", async () => {
  await using world = await worldWithServers();
  const track = async () => {
    const program = [process.execPath, join(projectRoot, "test/native/fixtures/track.ts")];
    const { stdout } = await world.run(program, { cgroup: false, dropCapabilities: ["net_admin"] });
    return stdout.trim();
  };
  expect(await track()).toBe('{"tracked":0}');
  const out = await Idle.open(world, ADDRESSES.v4.outbound, COUNT);
  expect(await track()).toMatch(/^netfilter netlink request: EPERM$/);
  expect(await out.countAlive()).toBe(COUNT);
});
