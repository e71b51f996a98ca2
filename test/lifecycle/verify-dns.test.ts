// `verify` where a DNS proxy runs: its port is taken, and the kernel tells where a query goes.

import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROXY_UID, type World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { createWorld, expectVerified, proofs, verify } from "./verify-support.ts";

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

function resolvConf(world: World): string {
  const path = join(tmpdir(), `${world.name}-resolv.conf`);
  writeFileSync(path, "nameserver 10.66.0.2\nnameserver fd66::2\n", { mode: 0o644 });
  world.defer(async () => rmSync(path));
  return path;
}
