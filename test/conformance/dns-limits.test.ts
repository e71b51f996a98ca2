// What DNS cannot do: docs/decisions/0008-dns.md names each of these. Where one of them gets better, change that page too.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, PROXY_UID, TPNET, type World } from "../support/world.ts";
import { askServers } from "./dns-situation.ts";
import { startDnsWorld } from "./dns-world.ts";
import { NFT, SK_LOOKUP } from "./ways.ts";

const V4 = ["10.66.0.2", "10.66.0.3"];
const V6 = ["fd66::2", "fd66::3"];
const LINK_LOCAL = "[fe80::66:2%eth0]:53";

describe.each([SK_LOOKUP, NFT])("$way", ({ engine, flags: way }) => {
  let world: World;
  beforeAll(async () => {
    world = await startDnsWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const install = (...flags: readonly string[]) =>
    world.install(...way, "--redirect-all-dns-traffic", ...flags);
  const ask = (servers: readonly string[], ...flags: readonly string[]) =>
    askServers(world, servers, [...flags, "--timeout", "1500"], APP_UID);

  test("the address of a connected socket's own end", async () => {
    await install();
    const [v4, v6] = engine === "ebpf" ? ["127.0.0.1:", "[::1]:"] : ["10.66.0.1:", "[fd66::1]:"];
    expect((await ask(V4, "--connected")).local?.startsWith(v4)).toBe(true);
    expect((await ask(V6, "--connected")).local?.startsWith(v6)).toBe(true);
    const bound = await ask(V4, "--connected", "--from", "10.66.0.1");
    expect(bound).toMatchObject({ answered: 2, strangers: 0 });
    expect(bound.local).toMatch(/^10\.66\.0\.1:/);
  });

  test("a DNS proxy outside the cgroup", async () => {
    const listen = ["--listen", "127.0.0.1:35053", "--listen", "[::1]:35053", "--hold", "20"];
    await world.start([TPNET, "dns-serve", ...listen], { uid: PROXY_UID, cgroup: false });
    await install("--redirect-dns-port", "35053");
    for (const servers of [V4, V6]) {
      expect(await ask(servers, "--connected")).toMatchObject({ answered: 2, strangers: 0 });
      const [first = ""] = servers;
      expect(await ask([first], "--unconnected")).toMatchObject({ answered: 1, strangers: 0 });
    }
    const both = { v4: await ask(V4, "--unconnected"), v6: await ask(V6, "--unconnected") };
    if (engine === "ebpf") {
      // The answers of the second server: taken for the first one's, or lost.
      expect(both.v4.strangers).toBeGreaterThan(0);
      expect(both.v6).toMatchObject({ answered: 1, error: "ETIMEDOUT" });
    } else {
      for (const answers of Object.values(both)) expect(answers).toMatchObject({ answered: 2, strangers: 0 });
    }
  });

  test("a DNS proxy on all addresses that answers from the one that the kernel chooses", async () => {
    const listen = ["--listen", "0.0.0.0:45053", "--listen", "[::]:45053"];
    await world.start([TPNET, "dns-serve", ...listen], { uid: PROXY_UID });
    await install("--redirect-dns-port", "45053");
    for (const servers of [V4, V6]) {
      const answers = await ask(servers, "--connected");
      if (engine === "ebpf") expect(answers).toMatchObject({ answered: 2, strangers: 0 });
      else expect(answers).toMatchObject({ answered: 0, error: "ETIMEDOUT" });
    }
  });

  test("a name server at a link-local address with a zone", async () => {
    await world.ip("remote", "address", "add", "fe80::66:2/64", "dev", "eth0", "nodad");
    await world.ip("service", "address", "add", "fe80::66:1/64", "dev", "eth0", "nodad");
    await install();
    const connected = await ask([LINK_LOCAL], "--connected");
    // The zone is not given back.
    if (engine === "ebpf")
      expect(connected).toMatchObject({ answered: 1, strangers: 1, peer: "[fe80::66:2]:53" });
    else expect(connected.answered).toBe(0);
    const unconnected = await ask([LINK_LOCAL], "--unconnected");
    expect(unconnected.answered).toBe(0);
    if (engine === "ebpf") expect(unconnected.error).toBe("ENETUNREACH");
  });

  test("a socket that is bound to a device", async () => {
    await install();
    const error = engine === "ebpf" ? "EPERM" : "ETIMEDOUT";
    for (const manner of ["--connected", "--unconnected"])
      expect(await ask(["10.66.0.2"], manner, "--device", "eth0")).toMatchObject({ answered: 0, error });
  });
});
