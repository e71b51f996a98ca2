// The network as rtnetlink tells it, beside what `ip` makes of it, in namespaces of many kinds.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatAddress, formatPrefix } from "../../src/core/address.ts";
import { readNetwork } from "../../src/host/interfaces.ts";
import { ERRNO } from "../../src/native/errno.ts";
import { NetlinkSocket } from "../../src/native/netlink.ts";
import { readLinks, readRoutes } from "../../src/native/rtnetlink.ts";
import { ScratchNetns } from "./support.ts";

let netns: ScratchNetns;

beforeEach(() => {
  netns = new ScratchNetns();
});
afterEach(() => netns[Symbol.dispose]());

interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly local: string }[];
}

interface IpRoute {
  readonly type?: string;
  readonly dst: string;
}

function ipJson<T>(...args: readonly string[]): T[] {
  const text = netns.run("ip", "-json", ...args).trim();
  return text === "" ? [] : (JSON.parse(text) as T[]);
}

/** The same facts, from `ip`. */
function networkByIp() {
  const interfaces = ipJson<IpLink>("address", "show").map((link) => ({
    name: link.ifname,
    index: link.ifindex,
    up: link.flags.includes("UP"),
    loopback: link.flags.includes("LOOPBACK"),
    addresses: link.addr_info.map(({ local }) => local),
  }));
  const routes = (["-4", "-6"] as const).flatMap((family) =>
    ipJson<IpRoute>(family, "route", "show", "table", "local")
      .filter(({ type }) => type === "local" || type === "broadcast")
      .map(
        ({ type, dst }) => `${type} ${dst === "default" ? { "-4": "0.0.0.0/0", "-6": "::/0" }[family] : dst}`,
      ),
  );
  return { interfaces: interfaces.sort((a, b) => a.index - b.index), localRoutes: [...new Set(routes)] };
}

function network() {
  const { interfaces, localRoutes } = readNetwork();
  return {
    interfaces: interfaces.map((each) => ({ ...each, addresses: each.addresses.map(formatAddress) })),
    localRoutes: localRoutes.map(({ kind, prefix }) => `${kind} ${formatPrefix(prefix)}`),
  };
}

/** Looks until nothing has changed on the way: the kernel gives IPv6 addresses and their routes in its own time. */
function expectAsByIp(): ReturnType<typeof network> {
  for (let before = networkByIp(); ; ) {
    const found = network();
    const after = networkByIp();
    if (isDeepStrictEqual(before, after)) {
      expect(found).toEqual(after);
      return found;
    }
    before = after;
  }
}

/** Runs commands of `ip`, one a line. */
function ip(commands: string): void {
  execFileSync("ip", ["-batch", "-"], { input: commands, stdio: ["pipe", "ignore", "inherit"] });
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const VETH = "link add hst0 type veth peer name hst1\nlink set hst0 up\n";

/** Each with something that it is to be seen by. */
const KINDS: readonly (readonly [string, string, RegExp])[] = [
  ["a veth pair, one end up", `${VETH}address add 192.0.2.1/24 brd + dev hst0`, /broadcast 192\.0\.2\.255/],
  ["IPv6 link-local addresses", `${VETH}link set hst1 up`, /"addresses":\["fe80::/],
  [
    "a bridge with addresses, and a port",
    `${VETH}link add hstbr type bridge\nlink set hst1 master hstbr up\nlink set hstbr up
     address add 192.0.2.1/24 dev hstbr\naddress add fd00::1/64 dev hstbr`,
    /"hstbr".*"192\.0\.2\.1","fd00::1"/,
  ],
  [
    "peer addresses, as ppp has them",
    `${VETH}address add 10.0.0.1 peer 10.0.0.2/32 dev hst0\naddress add fd00::1 peer fd00::2/128 dev hst0`,
    /"addresses":\["10\.0\.0\.1","fd00::1"\]/,
  ],
  ["a tunnel", "tuntap add dev hst0 mode tun\nlink set hst0 up\naddress add 10.0.0.1/30 dev hst0", /"hst0"/],
  [
    "labels, and secondary addresses",
    `${VETH}address add 192.0.2.1/24 label hst0:a dev hst0\naddress add 192.0.2.2/24 label hst0:b dev hst0`,
    /"192\.0\.2\.1","192\.0\.2\.2"/,
  ],
  ["a tentative address", `${VETH}address add fd00::1/64 dev hst0`, /"fd00::1"/],
  [
    "an address of two interfaces",
    `${VETH}address add 192.0.2.1/24 dev hst0\naddress add 192.0.2.1/32 dev lo`,
    /lo/,
  ],
  ["all names that are possible", "link add hüt@'\\te.x type ifb", /hüt@'/],
  [
    "indexes in no order",
    "link add hst7 index 70000 type ifb\nlink add hst6 index 400 type ifb\nlink add hst5 type ifb",
    /400.*70000/,
  ],
  [
    "local routes of all kinds, and others beside",
    `${VETH}route add local 198.51.100.0/24 dev lo\nroute add local default dev lo table local
     route add local default dev lo table 100\nroute add unreachable 192.0.2.9 table local
     route add broadcast 203.0.113.255 dev lo table local\nroute add 203.0.113.0/24 dev lo table 511
     route add local ::/0 dev lo table local\nroute add local fd00:1::/48 dev lo
     route add local ::/0 dev lo table 100\nroute add 192.0.2.0/24 dev hst0\naddress add fd00::1/64 dev hst0
     route add multicast ff00::/8 dev hst0 table local`,
    /"local 0\.0\.0\.0\/0".*"local ::\/0"/,
  ],
  [
    "300 addresses, of each family",
    VETH +
      range(300)
        .map(
          (n) => `address add 10.1.${n >> 8}.${n & 255}/16 dev hst0\naddress add fd00::${n + 1}/64 dev hst0`,
        )
        .join("\n"),
    /10\.1\.1\.43".*"fd00::300"/,
  ],
  [
    "thousands of routes, most of other tables",
    VETH +
      range(3000)
        .map(
          (n) =>
            `route add local 10.2.${n >> 8}.${n & 255} dev lo\nroute add 10.3.${n >> 8}.${n & 255} dev hst0`,
        )
        .join("\n"),
    /"local 10\.2\.11\.183"/,
  ],
  [
    "400 interfaces",
    range(400)
      .map((n) => `link add hst${n} type ifb`)
      .join("\n"),
    /"hst399"/,
  ],
];

test.each(KINDS)("is what ip says: %s", (_, commands, sign) => {
  ip(commands);
  expect(JSON.stringify(expectAsByIp())).toMatch(sign);
});

test("is what ip says where IPv6 is off", () => {
  ip(`${VETH}address add 192.0.2.1/24 dev hst0\naddress add fd00::1/64 dev hst0`);
  expect(network().localRoutes).toContain("local ::1");
  for (const name of ["all", "default"]) writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "1");
  const found = expectAsByIp();
  expect(found.interfaces.flatMap(({ addresses }) => addresses)).toEqual(["127.0.0.1", "192.0.2.1"]);
});

test("is whole while addresses come and go", () => {
  ip(
    VETH +
      range(2000)
        .map((n) => `address add 10.1.${n >> 8}.${n & 255}/32 dev hst0`)
        .join("\n"),
  );
  const addresses = () => network().interfaces.flatMap((each) => each.addresses);
  const stable = addresses();
  expect(stable.length).toBeGreaterThan(2000);
  // With this scope it is the first of the interface: the others move up and down, and the kernel counts.
  using _churn = churn("address add 10.9.9.9/32 scope host dev hst0\n", "address del 10.9.9.9/32 dev hst0\n");
  const seen = new Set<boolean>();
  for (const until = performance.now() + 2000; performance.now() < until; ) {
    const found = addresses();
    const changing = found.filter((each) => each === "10.9.9.9");
    expect(found.filter((each) => each !== "10.9.9.9")).toEqual(stable);
    seen.add(changing.length > 0);
  }
  expect(seen).toEqual(new Set([true, false]));
});

test("a dump that the kernel refuses once it has begun is refused", () => {
  using netlink = new NetlinkSocket("route");
  netlink.filterDumps();
  expect(() => readRoutes(netlink, 4, 99)).toThrow(
    expect.objectContaining({ code: "SYSCALL_FAILED", errno: ERRNO.ENOENT }),
  );
  // All of the answer is read: the socket is good for more.
  expect(readLinks(netlink)).toHaveLength(1);
});

/** Has `ip` do something over and over, in this namespace: a process each time, so that there are moments of peace. */
function churn(...commands: readonly string[]): Disposable {
  const child: ChildProcess = spawn(
    "sh",
    ["-c", 'while :; do for line; do printf %s "$line" | ip -force -batch -; done; done', "sh", ...commands],
    {
      stdio: "ignore",
      detached: true,
    },
  );
  return {
    [Symbol.dispose]: () => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    },
  };
}
