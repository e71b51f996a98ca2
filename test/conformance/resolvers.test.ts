// Real resolvers: that of the C library (getent) and c-ares (Node.js), each with a resolv.conf of its own, and a stub
// like systemd-resolved, which asks for others.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { projectRoot } from "../support/project-files.ts";
import { APP_UID, PROXY_UID, World } from "../support/world.ts";
import { installWithServers } from "./dns-world.ts";
import { NFT, SK_LOOKUP } from "./ways.ts";

/** What each server has for every name: who answered can be told from it. */
const SERVER = ["192.0.2.1", "2001:db8::1"] as const;
const PROXY = ["192.0.2.2", "2001:db8::2"] as const;

/** A user of its own, as systemd-resolve. */
const STUB_UID = 990;
const STUB = "127.0.0.53";

const RESOLVERS = ["getent", "c-ares"] as const;
const NAMESERVERS = [
  { name: "IPv4", servers: ["10.66.0.2"] },
  { name: "IPv6", servers: ["fd66::2"] },
  { name: "a stub", servers: [STUB] },
  { name: "several", servers: ["10.66.0.2", "fd66::2", STUB] },
];
/** The stub's own questions go on to the servers, which it must not be kept from. */
const FLAGS = [
  { name: "--redirect-dns", flags: ["--redirect-dns"] },
  {
    name: "--redirect-all-dns-traffic, but for the stub",
    flags: ["--redirect-all-dns-traffic", "--exclude-outbound-ports-for-uids", `udp:53:${STUB_UID}`],
  },
];

function serve(world: World, flags: readonly string[], options: object): Promise<unknown> {
  const script = join(projectRoot, "test/conformance/fixtures/dns.py");
  return world.start(["/usr/bin/python3", script, ...flags], options);
}

function startWorld(): Promise<World> {
  return World.create(async (world) => {
    const remote = ["--listen", "10.66.0.2:53", "--listen", "[fd66::2]:53", "--answer", SERVER.join(",")];
    await serve(world, remote, { host: "remote", cgroup: false });
    // The stub has no capability, as in a container.
    await world.run(["sysctl", "-w", "net.ipv4.ip_unprivileged_port_start=53"], { cgroup: false });
    await serve(world, ["--listen", `${STUB}:53`, "--forward", "10.66.0.2:53"], { uid: STUB_UID });
  });
}

/** As Kuma's: names of the mesh it knows itself, the others it asks the name server of resolv.conf for. */
function startDnsProxy(world: World, server: string): Promise<unknown> {
  const listen = ["--listen", "127.0.0.1:15053", "--listen", "[::1]:15053"];
  const at = server.includes(":") ? `[${server}]:53` : `${server}:53`;
  const flags = [...listen, "--answer", PROXY.join(","), "--names", ".mesh", "--forward", at];
  return serve(world, flags, { uid: PROXY_UID });
}

/** What a resolver says of a name: addresses, IPv4 first. */
async function resolve(
  world: World,
  resolver: (typeof RESOLVERS)[number],
  resolvConf: string,
  name: string,
  uid: number,
): Promise<string[]> {
  const program = resolver === "getent" ? GETENT : C_ARES;
  const bind = `mount --bind ${resolvConf} /etc/resolv.conf && exec setpriv --reuid ${uid} --clear-groups "$@"`;
  const args = ["unshare", "--mount", "sh", "-c", bind, "sh", ...program, name];
  const { stdout, stderr, exitCode } = await world.run(args);
  if (exitCode !== 0) throw new Error(`${resolver} ${name} failed: ${stderr}`);
  return [...new Set(stdout.split("\n").map((line) => line.split(" ")[0] ?? ""))].sort();
}

/** Both addresses with one question: A and AAAA from one connected socket. */
const GETENT = ["getent", "ahosts"];
/** A hundred at the same time. */
const C_ARES = [
  process.execPath,
  "-e",
  `const { resolve4, resolve6 } = require("node:dns").promises;
   const names = Array.from({ length: 50 }, (_, n) => n === 0 ? process.argv[1] : "n" + n + "." + process.argv[1]);
   Promise.all(names.flatMap((name) => [resolve4(name), resolve6(name)]))
     .then((answers) => console.log(answers.flat().join("\\n")));`,
];

describe.each([SK_LOOKUP, NFT])("$way", ({ flags: way }) => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "tproxyctl-resolvers-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  describe.each(NAMESERVERS)("$name", ({ servers }) => {
    let world: World;
    let resolvConf: string;
    beforeAll(async () => {
      world = await startWorld();
      await startDnsProxy(world, servers[0] ?? "");
      resolvConf = join(directory, `${world.name}.conf`);
      writeFileSync(resolvConf, servers.map((server) => `nameserver ${server}\n`).join(""));
    });
    afterAll(() => world[Symbol.asyncDispose]());

    describe.each(FLAGS)("$name", ({ flags }) => {
      beforeAll(() => installWithServers(world, directory, servers, [...way, ...flags]));
      afterAll(() => world.uninstall());

      test.each(RESOLVERS)("%s: the proxy answers for the mesh, and asks for the rest", async (resolver) => {
        expect(await resolve(world, resolver, resolvConf, "service.mesh", APP_UID)).toEqual(PROXY);
        expect(await resolve(world, resolver, resolvConf, "example.test", APP_UID)).toEqual(SERVER);
      });

      test.each(RESOLVERS)("%s: the proxy's own questions go to the server", async (resolver) => {
        expect(await resolve(world, resolver, resolvConf, "service.mesh", PROXY_UID)).toEqual(SERVER);
      });

      // DNS over TCP is left alone: the server answers, whoever said that the answer is too long.
      test.each(RESOLVERS)("%s: a truncated answer is asked for again over TCP", async (resolver) => {
        expect(await resolve(world, resolver, resolvConf, "large.service.mesh", APP_UID)).toEqual(SERVER);
      });
    });
  });

  test("all DNS: without an exclusion, the stub's own questions go to the proxy", async () => {
    await using world = await startWorld();
    await startDnsProxy(world, STUB);
    const resolvConf = join(directory, "stub.conf");
    writeFileSync(resolvConf, `nameserver ${STUB}\n`);
    await world.install(...way, "--redirect-all-dns-traffic");
    expect(await resolve(world, "getent", resolvConf, "service.mesh", PROXY_UID)).toEqual(PROXY);
  });
});
