// `verify` where a DNS proxy runs: its port is taken, and the kernel tells where a query goes.

import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROXY_UID, type World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { createWorld, expectRefuted, expectVerified, inState, proofs, verify } from "./verify-support.ts";

const VARIABLE = "KUMA_TRANSPARENT_PROXY_REDIRECT_DNS_RESOLV_CONFIG_PATH";

/** Answers every query, as far as verify reads answers: the same message with the bit that makes it an answer. */
const SERVER = `
const { createSocket } = require("node:dgram");
let left = 2;
for (const [type, address] of [["udp4", "127.0.0.1"], ["udp6", "::1"]]) {
  const socket = createSocket(type);
  socket.on("message", (message, { port, address }) => {
    message[2] |= 0x80;
    if (process.argv[1] === "answers") socket.send(message, port, address);
  });
  socket.bind(15053, address, () => --left === 0 && console.log("ready"));
}`;

/** Is the server that has this address, as a middlebox pretends to be. */
const MIDDLEBOX = `
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (message, { port, address }) => {
  message[2] |= 0x80;
  socket.send(message, port, address);
});
socket.bind(53, "192.0.2.1", () => console.log("ready"));`;

describe.each([
  ["eBPF", EBPF],
  ["iptables-nft", IPTABLES.nft],
  ["iptables-legacy", IPTABLES.legacy],
])("%s", (_title, engine) => {
  test.each([
    ["--redirect-dns", "answers"],
    ["--redirect-all-dns-traffic", "answers"],
    ["--redirect-dns", "is silent"],
  ])("%s, the DNS proxy %s", async (flag, how) => {
    await using world = await createWorld();
    const env = { [VARIABLE]: resolvConf(world) };
    const { exitCode, stderr } = await world.tproxyctl(world.installArguments(...engine, flag), { env });
    expect(exitCode, stderr).toBe(0);
    await world.start([process.execPath, "-e", SERVER, how], { uid: PROXY_UID });
    const result = await verify(world);
    expect(proofs(result)).toEqual(expect.arrayContaining(["dns 4", "dns 6"]));
    expectVerified(result);
    const found = result.checks.find(({ name }) => name === "dns")?.found;
    if (how === "answers") expect(found).not.toMatch(/did not answer/);
    else expect(found).toMatch(/goes to the DNS proxy .*, which did not answer/);
  });
});

describe.each([
  ["eBPF", EBPF],
  ["iptables", IPTABLES.nft],
])(
  "%s, DNS is not redirected, and somebody on the way answers whatever is asked of whomever",
  (_title, engine) => {
    test("that is no proof, but a query that went out", async () => {
      await using world = await createWorld();
      await world.install(...engine, "--ip-family-mode=ipv4");
      await world.start([process.execPath, "-e", SERVER, "is silent"], { uid: PROXY_UID });
      await world.ip("remote", "address", "add", "192.0.2.1/32", "dev", "lo");
      await world.start([process.execPath, "-e", MIDDLEBOX], { host: "remote", cgroup: false });
      const flags = ["--kuma-dp-user=5678", "--redirect-all-dns-traffic", "--ip-family-mode=ipv4"];
      const result = await verify(world, flags);
      expectRefuted(result, ["dns 4"], /^it went out to the name server itself$/m);
      expect(inState(result, "not-tried")).toContain("dns-unconnected 4");
    });
  },
);

function resolvConf(world: World): string {
  const path = join(tmpdir(), `${world.name}-resolv.conf`);
  writeFileSync(path, "nameserver 10.66.0.2\nnameserver fd66::2\n", { mode: 0o644 });
  world.defer(async () => rmSync(path));
  return path;
}
