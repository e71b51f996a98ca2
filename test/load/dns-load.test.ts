// Many queries at the same time, as resolvers of all kinds have them.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askServers } from "../conformance/dns-situation.ts";
import { installWithServers, startDnsWorld } from "../conformance/dns-world.ts";
import { NFT, SK_LOOKUP } from "../conformance/ways.ts";
import { APP_UID, TPNET, type World } from "../support/world.ts";

const SERVERS = { v4: ["10.66.0.2", "10.66.0.3"], v6: ["fd66::2", "fd66::3"] } as const;
const PROXY = { v4: "127.0.0.1:15053", v6: "[::1]:15053" } as const;
const FAMILIES = ["v4", "v6"] as const;

const LOADS = [
  { name: "5000 sockets ask two servers each", flags: ["--unconnected", "--sockets", "5000"] },
  { name: "one socket asks two servers 5000 times each", flags: ["--unconnected", "--each", "5000"] },
  { name: "10 000 connected sockets", flags: ["--connected", "--sockets", "5000"] },
  { name: "answers of 4 KiB", flags: ["--unconnected", "--sockets", "50", "--size", "4096"] },
];

const CASES = FAMILIES.flatMap((family) => LOADS.map((load) => ({ family, ...load })));

describe.each([SK_LOOKUP, NFT])("$way", ({ engine, flags: way }) => {
  let world: World;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "tproxyctl-dns-"));
    world = await startDnsWorld("200");
    await installWithServers(world, directory, [...SERVERS.v4, ...SERVERS.v6], [...way, "--redirect-dns"]);
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  test.each(CASES)("$name, $family: every answer from whom it was asked", async ({ family, flags }) => {
    const answers = await askServers(world, SERVERS[family], [...flags, "--timeout", "40000"], APP_UID);
    expect(answers).toMatchObject({ error: "", strangers: 0, listeners: [PROXY[family]] });
    expect(answers.answered).toBe(answers.asked);
  });

  // The ICMP message is of no conntrack zone that the query was in: with iptables it is lost.
  const error = engine === "ebpf" ? "ECONNREFUSED" : "ETIMEDOUT";

  test(`without the DNS proxy, a connected socket gets ${error}`, async () => {
    const nobody = ["--redirect-dns-port", "35053"];
    await installWithServers(world, directory, SERVERS.v4, [...way, "--redirect-dns", ...nobody]);
    const answers = await askServers(world, ["10.66.0.2"], ["--connected", "--timeout", "1000"], APP_UID);
    expect(answers).toMatchObject({ answered: 0, error });
  });

  // Its answers come from the address that the kernel chooses. With iptables that is not the one that was asked.
  if (engine === "iptables") return;

  test("a DNS proxy on all addresses answers, too", async () => {
    const servers = [...SERVERS.v4, ...SERVERS.v6];
    await installWithServers(world, directory, servers, [...way, "--redirect-dns"]);
    // What is remembered of a socket that had the port before is not about the proxy's.
    for (const family of FAMILIES) {
      const from = ["--from", family === "v4" ? "0.0.0.0:45053" : "[::]:45053"];
      const answers = await askServers(world, SERVERS[family], ["--unconnected", ...from], APP_UID);
      expect(answers).toMatchObject({ answered: 2, error: "", strangers: 0 });
    }
    const listen = ["--listen", "0.0.0.0:45053", "--listen", "[::]:45053", "--hold", "20"];
    await world.start([TPNET, "dns-serve", ...listen], { uid: 5678 });
    const port = ["--redirect-dns-port", "45053"];
    await installWithServers(world, directory, servers, [...way, "--redirect-dns", ...port]);
    for (const family of FAMILIES) {
      const answers = await askServers(world, SERVERS[family], ["--unconnected", "--each", "4"], APP_UID);
      expect(answers).toMatchObject({ answered: 8, error: "", strangers: 0 });
    }
  });
});
