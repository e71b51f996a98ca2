import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatAddress, formatPrefix, parseAddress } from "../../src/core/address.ts";
import { readNetns } from "../../src/engine/netns.ts";
import { addLoopbackAddress, ipv6Availability, removeLoopbackAddress } from "../../src/host/addresses.ts";
import { mountBpffs, unmountBpffs } from "../../src/host/bpffs.ts";
import { run } from "../../src/host/exec.ts";
import { readNetwork } from "../../src/host/interfaces.ts";
import { findListeners } from "../../src/host/listeners.ts";
import { findCgroup2Root, isBpffs, isCgroup2, mountEntryOf } from "../../src/host/mounts.ts";
import { mount, umount2 } from "../../src/native/mounts.ts";
import { unshare } from "../../src/native/namespaces.ts";
import { makeTrustedDirectory } from "../support/trusted-directory.ts";

const directory = makeTrustedDirectory("host");
const outside = statSync("/proc/thread-self/ns/net").ino;

// The namespace of this file: it goes with the process.
beforeAll(() => unshare("NEWNET"));
afterAll(() => rmSync(directory, { recursive: true }));

function address(text: string) {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

test("the namespace is that of the main thread, and has a cookie of its own", async () => {
  const netns = readNetns();
  expect(netns.inode).not.toBe(outside);
  expect(netns.cookie).toBeGreaterThan(1n);
  const { stdout } = await run("readlink", ["/proc/self/ns/net"]);
  expect(stdout).toBe(`net:[${netns.inode}]`);
});

describe("the network", () => {
  test("of a namespace where nothing was ever up is empty", () => {
    const network = readNetwork();
    expect(network.interfaces).toMatchObject([
      { name: "lo", index: 1, up: false, loopback: true, addresses: [] },
    ]);
    expect(network.localRoutes).toEqual([]);
  });

  test("is what was set up", async () => {
    await run("ip", ["link", "set", "lo", "up"]);
    await run("ip", ["link", "add", "hst0", "type", "veth", "peer", "name", "hst1"]);
    await run("ip", ["address", "add", "192.0.2.1/24", "dev", "hst0"]);
    await run("ip", ["address", "add", "192.0.2.2/24", "brd", "+", "dev", "hst1"]);
    // Without its peer up, the address stays tentative.
    await run("ip", ["-6", "address", "add", "fd00::1/64", "dev", "hst0"]);
    await run("ip", ["link", "set", "hst0", "up"]);
    const { interfaces, localRoutes } = readNetwork();
    const hst0 = interfaces.find(({ name }) => name === "hst0");
    expect(hst0).toMatchObject({ up: true, loopback: false });
    expect(hst0?.addresses.map(formatAddress)).toEqual(["192.0.2.1", "fd00::1"]);
    expect(interfaces.find(({ name }) => name === "hst1")).toMatchObject({ up: false });
    const routes = localRoutes.map(({ kind, prefix }) => `${kind} ${formatPrefix(prefix)}`);
    expect(routes).toEqual(
      expect.arrayContaining([
        "local 127.0.0.0/8",
        "local 127.0.0.1",
        "local 192.0.2.1",
        "broadcast 192.0.2.255",
        "local ::1",
      ]),
    );
    expect(routes.join()).not.toContain("ff00::");
  });
});

describe("::6 on the loopback interface", () => {
  const six = address("::6");

  test("is added once and removed once", () => {
    expect(addLoopbackAddress(six)).toBe(true);
    expect(addLoopbackAddress(six)).toBe(false);
    expect(readNetwork().interfaces[0]?.addresses.map(formatAddress)).toContain("::6");
    expect(removeLoopbackAddress(six)).toBe(true);
    expect(removeLoopbackAddress(six)).toBe(false);
  });

  test("cannot be added where IPv6 is off, and the error says how to switch it on", () => {
    expect(ipv6Availability()).toBe("available");
    writeFileSync("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1");
    expect(ipv6Availability()).toBe("disabled");
    expect(() => addLoopbackAddress(six)).toThrow(
      expect.objectContaining({
        code: "SYSCALL_FAILED",
        message: "cannot add ::6 to the loopback interface: EACCES",
        hint: expect.stringContaining("disable_ipv6=0"),
      }),
    );
    expect(removeLoopbackAddress(six)).toBe(false);
    writeFileSync("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
  });
});

test("listeners are those of the namespace, of both families", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(15006, "::", resolve));
  const found = findListeners(new Set([15006]));
  expect(found.map((each) => formatAddress(each.address))).toEqual(["::"]);
  await new Promise((resolve) => server.close(resolve));
});

describe("a BPF file system", () => {
  const path = join(directory, "deep/bpf");

  test("is mounted for root alone, and unmounted when empty, with the directories made for it", () => {
    expect(isBpffs(path)).toBe(false);
    mountBpffs(path);
    expect(isBpffs(path)).toBe(true);
    expect(mountEntryOf(path)).toMatchObject({ mountPoint: path, source: "tproxyctl-2" });
    expect(statSync(path).mode & 0o777).toBe(0o700);
    mkdirSync(join(path, "pins"));
    expect(unmountBpffs(join(path, "pins"))).toBe(false);
    expect(unmountBpffs(path)).toBe(false);
    rmdirSync(join(path, "pins"));
    expect(unmountBpffs(path)).toBe(true);
    expect(existsSync(join(directory, "deep"))).toBe(false);
    expect(unmountBpffs(path)).toBe(false);
  });

  test("of somebody else stays mounted", () => {
    mkdirSync(path, { recursive: true });
    mount({ source: "bpf", target: path, type: "bpf" });
    expect(unmountBpffs(path)).toBe(false);
    expect(isBpffs(path)).toBe(true);
    umount2(path);
  });

  test("never hides files", () => {
    writeFileSync(join(path, "file"), "");
    expect(() => mountBpffs(path)).toThrowError(
      expect.objectContaining({
        code: "BPFFS_UNUSABLE",
        message: expect.stringContaining("would hide the files"),
      }),
    );
    expect(() => mountBpffs(join(path, "file"))).toThrowError(
      expect.objectContaining({ code: "BPFFS_UNUSABLE" }),
    );
  });
});

test("the root of cgroup2 is found, and a cgroup in it is one", () => {
  const root = findCgroup2Root();
  expect(root).toBeDefined();
  const cgroup = mkdtempSync(join(root ?? "", "hst-"));
  expect(isCgroup2(cgroup)).toBe(true);
  rmdirSync(cgroup);
  expect(isCgroup2(cgroup)).toBe(false);
  expect(isCgroup2(directory)).toBe(false);
});
