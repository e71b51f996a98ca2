// `verify` of what options leave out of the interception, and of DNS.

import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { APP_UID, type World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import {
  AS_PROXY,
  createWorld,
  expectRefuted,
  expectVerified,
  inState,
  proofs,
  verify,
} from "./verify-support.ts";

const V4 = ["outbound 4", "own-application 4"];
const V6 = ["outbound 6", "own-application 6"];
const DNS4 = ["dns 4", "dns-unconnected 4"];
const DNS6 = ["dns 6", "dns-unconnected 6"];
const VARIABLE = "KUMA_TRANSPARENT_PROXY_REDIRECT_";

const ENGINES = [
  ["eBPF", EBPF],
  ["iptables", IPTABLES.nft],
] as const;

describe.each(someOf(ENGINES, 2))("%s", (_title, engine) => {
  test.each<[string, string[], Record<string, string>, string[]]>([
    ["IPv4 only", ["--ip-family-mode=ipv4"], {}, V4],
    ["no inbound", ["--redirect-inbound=false"], {}, ["outbound 4", "outbound 6"]],
    ["ports excluded", ["--exclude-outbound-ports=80,443,20000,8080"], {}, [...V4, ...V6]],
    ["one port included", [], { OUTBOUND_INCLUDE_PORTS: "9999" }, [...V4, ...V6]],
    ["users excluded", ["--exclude-outbound-ports-for-uids=tcp:1-65535:6000-65534"], {}, [...V4, ...V6]],
    ["a network excluded", ["--exclude-outbound-ips=192.0.2.0/24,2001:db8::/32"], {}, [...V4, ...V6]],
    ["other ports", ["--redirect-outbound-port=5001", "--redirect-inbound-port=5006"], {}, [...V4, ...V6]],
    ["all of DNS", ["--redirect-all-dns-traffic"], {}, [...V4, ...DNS4, ...V6, ...DNS6]],
    ["DNS to name servers", ["--redirect-dns"], {}, [...V4, ...DNS4, ...V6, ...DNS6]],
  ])("%s", async (_option, flags, variables, expected) => {
    await using world = await createWorld();
    const env = { ...environment(variables), [`${VARIABLE}DNS_RESOLV_CONFIG_PATH`]: resolvConf(world) };
    const installed = await world.tproxyctl(world.installArguments(...engine, ...flags), { env });
    expect(installed.exitCode, installed.stderr).toBe(0);
    const result = await verify(world);
    expectVerified(result);
    expect(proofs(result)).toEqual(expected);
    // As the proxy, which cannot read what is installed and is told.
    if (!flags.includes("--redirect-inbound=false")) {
      const proxy = await verify(world, flags, { ...AS_PROXY, env });
      expectVerified(proxy);
      expect(proofs(proxy)).toEqual(expected.filter((name) => name.startsWith("own-application")));
    }
  });

  test("nothing but inbound: what cannot be tried from here is not proven", async () => {
    await using world = await createWorld();
    const env = environment({ OUTBOUND_ENABLED: "false" });
    await world.tproxyctl(world.installArguments(...engine), { env });
    const result = await verify(world);
    expect(inState(result, "failed")).toEqual([]);
    expect(inState(result, "ok")).toEqual(["state"]);
    expect(result).toMatchObject({ exitCode: 1, verified: false });
    expect(result.stderr).toMatch(/no connection could be made that is intercepted/);
  });

  test("all is excluded, and that is said", async () => {
    await using world = await createWorld();
    await world.install(...engine, "--exclude-outbound-ips=0.0.0.0/0,::/0");
    const result = await verify(world);
    expect(inState(result, "failed")).toEqual([]);
    expect(result).toMatchObject({ exitCode: 1, verified: false });
    expect(result.checks.find(({ name }) => name === "outbound")?.found).toMatch(/not excluded/);
  });

  test("the options say what is not installed: refuted", async () => {
    await using world = await createWorld();
    await world.install(...engine, "--exclude-outbound-ports=80", "--ip-family-mode=ipv4");
    const result = await verify(world, ["--kuma-dp-user=5678", "--ip-family-mode=ipv4"]);
    expectRefuted(result, ["outbound 4"], /went out of this host/);
  });

  test("an application's own DNS, where the DNS proxy does not run", async () => {
    await using world = await createWorld();
    await world.install(...engine, "--redirect-all-dns-traffic");
    const result = await verify(world, ["--kuma-dp-user=5678", "--redirect-all-dns-traffic"], {
      uid: APP_UID,
    });
    expect(inState(result, "failed")).toEqual([]);
    expect(proofs(result)).toEqual(expect.arrayContaining(["outbound 4", "outbound 6"]));
  });
});

function environment(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [`${VARIABLE}${name}`, value]));
}

/** Name servers of both families: hosts that do not answer. */
function resolvConf(world: World): string {
  const path = join(tmpdir(), `${world.name}-resolv.conf`);
  writeFileSync(path, "nameserver 10.66.0.2\nnameserver fd66::2\n", { mode: 0o644 });
  world.defer(async () => rmSync(path));
  return path;
}
