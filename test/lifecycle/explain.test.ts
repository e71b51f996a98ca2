// `explain` as a program: what it says of what is installed, with both engines, and of options that nobody installed.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, PROXY_UID, type Result, World } from "../support/world.ts";
import { expectFailure } from "./support.ts";

let world: World;
beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world[Symbol.asyncDispose]());

const OUTBOUND = ["outbound", "--uid", String(APP_UID), "--to", "10.66.0.2:443"];
const INBOUND = ["inbound", "--from", "10.66.0.2", "--to", ":8080"];
const DNS = ["dns", "--uid", String(APP_UID), "--to", "10.66.0.2"];

function explain(...args: readonly string[]): Promise<Result> {
  return world.tproxyctl(["explain", ...args]);
}

/** Only what is decided: the rest of the answer is in the unit tests. */
async function decided(args: readonly string[]) {
  const { stdout, stderr, exitCode } = await explain(...args, "--json");
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  const { installed, engine, decision } = JSON.parse(stdout);
  return { installed, engine, result: decision.result, rule: decision.rule, port: decision.port };
}

describe("where nothing is installed", () => {
  test("says so", async () => {
    expect(await explain(...OUTBOUND)).toEqual({
      stdout: "not installed in this network namespace",
      stderr: "",
      exitCode: 1,
    });
  });
  test("says so in JSON", async () => {
    expect(await explain(...OUTBOUND, "--json")).toEqual({
      stdout: '{"installed":false}',
      stderr: "",
      exitCode: 1,
    });
  });
  test("cannot tell without root", async () => {
    expectFailure(await world.tproxyctl(["explain", ...OUTBOUND], { uid: APP_UID }), "NOT_ROOT");
  });

  const USER = ["--kuma-dp-user", String(PROXY_UID)];
  test.each([
    [OUTBOUND, [], { result: "outbound", port: 15001, rule: "all-outbound", engine: "iptables" }],
    [OUTBOUND, ["--exclude-outbound-ports=443"], { result: "untouched", rule: "excluded-port" }],
    [OUTBOUND, ["--engine=ebpf"], { result: "outbound", engine: "ebpf" }],
    [INBOUND, ["--redirect-inbound-port=7"], { result: "inbound", port: 7 }],
    [DNS, ["--redirect-all-dns-traffic"], { result: "dns", port: 15053, rule: "all-dns" }],
  ])("%j is answered for options: %j", async (question, options, expected) => {
    expect(await decided([...question, ...USER, ...options])).toMatchObject({
      installed: false,
      ...expected,
    });
  });
  test("needs no root for options", async () => {
    const result = await world.tproxyctl(["explain", ...OUTBOUND, ...USER], { uid: APP_UID });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout).toMatch(/not installed: from the options given$/);
  });
  test("options that do not fit the host are an error", async () => {
    const result = await explain(...OUTBOUND, ...USER, "--ebpf-tc-attach-iface=nothing");
    expectFailure(result, "CONFIG_INVALID", /there is no interface "nothing"/);
  });
  test("a user that there is not is an error", async () => {
    expectFailure(await explain("dns", "--uid", "nobody here", "--to", "1.1.1.1", ...USER), "USER_UNKNOWN");
  });
});

describe.each(["ebpf", "iptables"])("what %s installed", (engine) => {
  beforeAll(() =>
    world.install(`--engine=${engine}`, "--exclude-outbound-ports=443,8443", "--ip-family-mode=ipv4"),
  );
  afterAll(() => world.uninstall());

  test.each([
    [OUTBOUND, { result: "untouched", rule: "excluded-port" }],
    [["outbound", "--uid", "1", "--to", "[fd66::2]:80"], { result: "untouched", rule: "ipv6-left-alone" }],
    [["outbound", "--uid", "root", "--to", "10.66.0.1:80"], { result: "untouched", rule: "local" }],
    [["outbound", "--uid", String(PROXY_UID), "--to", "10.66.0.1:80"], { result: "inbound", port: 15006 }],
    [INBOUND, { result: "inbound", port: 15006, rule: "all-inbound" }],
    [DNS, { result: "untouched", rule: "dns-disabled" }],
  ])("%j", async (question, expected) => {
    expect(await decided(question)).toMatchObject({ installed: true, engine, ...expected });
  });

  test("is not what the options say", async () => {
    const options = ["--kuma-dp-user", String(PROXY_UID), "--exclude-outbound-ports="];
    expect(await decided([...OUTBOUND, ...options])).toMatchObject({ installed: false, result: "outbound" });
  });

  test("in words", async () => {
    const { stdout } = await explain(...OUTBOUND);
    expect(stdout).toMatch(
      new RegExp(
        "^a TCP connection of user 1000 to 10.66.0.2:443: left alone\n" +
          "because outbound port 443 is excluded\n" +
          "rule: excluded-port \\(redirect.outbound.excludePorts, --exclude-outbound-ports\\)\n" +
          `engine: ${engine}, installed 20\\S+Z$`,
      ),
    );
  });
});

test("rules that nobody wrote a plan down for cannot be explained", async () => {
  const rule = ["-t", "nat", "-N", "KUMA_MESH_OUTBOUND"];
  const jump = ["-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-j", "KUMA_MESH_OUTBOUND"];
  for (const each of [rule, jump]) {
    expect(await world.run(["iptables-nft", ...each], { cgroup: false })).toMatchObject({ exitCode: 0 });
  }
  expectFailure(await explain(...OUTBOUND), "STATE_DAMAGED", /does not say what it does/, /install again/);
});
