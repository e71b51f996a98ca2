// Files and variables: what they say is installed, where a value came from is said, and what is wrong changes nothing.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { kernelRules } from "./iptables-support.ts";
import { expectFailure } from "./support.ts";

let world: World;
let before: KernelState;
let directory = "";

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-config-"));
  chmodSync(directory, 0o755);
  world = await World.create();
  before = await kernelState(world);
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await world[Symbol.asyncDispose]();
});

function file(name: string, text: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const IPTABLES = "--engine=iptables";

describe("install", () => {
  afterEach(() => world.uninstall());

  test("by two files, a variable and a flag, each over the one before", async () => {
    const base = file(
      "base.yaml",
      "redirect:\n  inbound: {port: 16001, excludePorts: [7001]}\n  outbound: {port: 16002}\n",
    );
    const custom = file(
      "custom.json",
      '{"redirect": {"inbound": {"port": 16003, "excludePorts": "7002,7003"}}}',
    );
    const args = world.installArguments(
      IPTABLES,
      "--config",
      `${base},${custom}`,
      "--redirect-outbound-port=16004",
    );
    const env = {
      KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_PORT: "16005",
      KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_EXCLUDE_PORTS: "7004",
    };
    const { exitCode, stdout, stderr } = await world.tproxyctl(args, { env });
    expect([exitCode, stderr]).toEqual([0, expect.not.stringMatching(/^(warning|error)/m)]);
    expect(stdout).toContain("transparent proxy setup completed successfully");
    const rules = await kernelRules(world);
    for (const there of ["16003", "16004", "7002", "7003", "7004"]) expect(rules).toContain(there);
    for (const gone of ["16001", "16002", "16005", "7001"]) expect(rules).not.toContain(gone);
  });

  test("by what stands on stdin, with a word about a key that nobody knows", async () => {
    const args = world.installArguments(IPTABLES, "--config", "-");
    const { exitCode, stderr } = await world.tproxyctl(args, {
      input: "redirect:\n  inbund: {port: 1}\n  outbound: {port: 16002}\n",
    });
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(
      /^warning: stdin:redirect\.inbund \(line 2\): .*did you mean redirect\.inbound\?$/m,
    );
    expect(await kernelRules(world)).toContain("16002");
  });

  test("by variables alone", async () => {
    const env = { KUMA_TRANSPARENT_PROXY_REDIRECT_INBOUND_PORT: "16001" };
    const { exitCode, stderr } = await world.tproxyctl(world.installArguments(IPTABLES), { env });
    expect(exitCode, stderr).toBe(0);
    expect(await kernelRules(world)).toContain("16001");
  });
});

describe("what is wrong is said with its place, and changes nothing", () => {
  test.each<[string, string | Buffer, RegExp]>([
    ["broken YAML", "wait: 1\nredirect: [\n", /^error: .*bad\.yaml:\d: is not valid YAML/m],
    [
      "binary garbage",
      Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff]),
      /^error: --config: .*bad\.yaml: is not a text/m,
    ],
    ["100 MiB", Buffer.alloc(100 << 20, "#"), /^error: --config: .*bad\.yaml: is larger than 4 MiB/m],
    [
      "a key that is there twice",
      "wait: 1\nwait: 2\n",
      /bad\.yaml:wait \(line 2\): is there twice, in line 1 too/,
    ],
    [
      "a wrong type",
      "redirect: {inbound: {port: [80]}}",
      /bad\.yaml:redirect\.inbound\.port \(line 1\): \[80\] is of the wrong kind: it must be a port/,
    ],
    ["a leading zero", "redirect: {inbound: {port: 015006}}", /port \(line 1\): "015006" is not a port/],
    ["unicode digits", "redirect: {inbound: {port: ٨٠}}", /port \(line 1\): "٨٠" is not a port/],
    [
      "a reversed range",
      "redirect: {outbound: {excludePortsForUIDs: ['tcp:90-80:1']}}",
      /the range 90-80 is the wrong way round/,
    ],
    ["a zone", "redirect: {outbound: {excludePortsForIPs: ['fe80::1%eth0']}}", /without an interface/],
    [
      "a prefix too long",
      "redirect: {inbound: {excludePortsForIPs: 10.0.0.0/33}}",
      /"10\.0\.0\.0\/33" is not an IP address or prefix/,
    ],
    ["nesting without end", "[".repeat(100_000), /nested too deeply/],
    [
      "aliases without end",
      `wait: &a 1\nredirect: {inbound: {excludePorts: [${"*a,".repeat(1000)}]}}`,
      /refers to itself \(\*\) too often/,
    ],
    [
      "an interface that is not here",
      "ebpf: {tcAttachIface: eth9}",
      /^error: .*bad\.yaml:ebpf\.tcAttachIface \(line 1\): .*"eth9"/m,
    ],
    [
      "somebody else's address",
      "ebpf: {instanceIP: 192.0.2.1}",
      /^error: .*bad\.yaml:ebpf\.instanceIP \(line 1\): .*192\.0\.2\.1/m,
    ],
  ])("%s", async (_title, text, expected) => {
    const result = await world.tproxyctl(world.installArguments("--config", file("bad.yaml", text)));
    expectFailure(result, "CONFIG_INVALID", expected);
    await expectState(world, before);
  });

  test("a file that is not there, or that one may not read", async () => {
    const secret = file("secret.yaml", "wait: 1");
    chmodSync(secret, 0o600);
    const args = ["config", "show", "--config", `/nowhere.yaml,${directory}`, "--config", secret];
    const result = await world.tproxyctl(args, { uid: 1000 });
    expectFailure(
      result,
      "CONFIG_INVALID",
      /\/nowhere\.yaml: .*no such file/,
      /is a directory/,
      /secret\.yaml: .*permission denied/,
    );
  });

  test("all at once", async () => {
    const bad = file("all.yaml", "redirect: {inbound: {port: 0}}\nlog: {level: 8}");
    const env = { KUMA_TRANSPARENT_PROXY_WAIT: "x" };
    const result = await world.tproxyctl(world.installArguments("--config", bad, "--max-retries=-1"), {
      env,
    });
    expectFailure(
      result,
      "CONFIG_INVALID",
      /inbound\.port/,
      /log\.level/,
      /_WAIT: "x"/,
      /--max-retries: "-1"/,
    );
    await expectState(world, before);
  });

  test("both DNS flags", async () => {
    const result = await world.tproxyctl(
      world.installArguments("--redirect-dns", "--redirect-all-dns-traffic"),
    );
    expectFailure(result, "CONFIG_INVALID", /--redirect-dns: .*--redirect-all-dns-traffic/);
    await expectState(world, before);
  });
});

describe("config", () => {
  test("show prints what can be given back, to whoever asks", async () => {
    const first = file(
      "show.yaml",
      "redirect: {outbound: {excludePortsForUIDs: ['80:1000']}}\nretry: {sleepBetweenRetries: 1500ms}\n",
    );
    const shown = await world.tproxyctl(["config", "show", "--config", first, "--vnet=br+:10.0.0.0/8"], {
      uid: 1000,
    });
    expect([shown.exitCode, shown.stderr]).toEqual([0, ""]);
    expect(shown.stdout).toMatch(
      /excludePortsForUIDs: \["tcp:80:1000","udp:80:1000"\] # .*show\.yaml:.* \(line 1\)$/m,
    );
    expect(shown.stdout).toMatch(/networks: .* # --vnet$/m);
    const again = await world.tproxyctl(["config", "show", "--config=-", "--json"], {
      input: shown.stdout,
      uid: 1000,
    });
    const direct = await world.tproxyctl([
      "config",
      "show",
      "--config",
      first,
      "--vnet=br+:10.0.0.0/8",
      "--json",
    ]);
    expect(JSON.parse(again.stdout).config).toEqual(JSON.parse(direct.stdout).config);
    expect(JSON.parse(direct.stdout).sources).toMatchObject({
      "redirect.vnet.networks": "--vnet",
      wait: "default",
    });
  });

  test("schema prints JSON", async () => {
    const { stdout, exitCode } = await world.tproxyctl(["config", "schema"], { uid: 1000 });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).properties.redirect.properties.dns.properties.port.default).toBe(15053);
  });
});
