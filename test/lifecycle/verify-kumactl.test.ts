// kumactl's validator, as the init container of its CNI plugin runs it: `verify` answers.

import { describe, expect, test } from "vitest";
import { PROXY_UID, TPROXYCTL, type World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { createWorld } from "./verify-support.ts";

const VALIDATOR = ["install", "transparent-proxy-validator"];
/** Of Kuma 2.7 to 2.10. */
const ARGUMENTS = ["--config-file", "/tmp/.kumactl", "--ip-family-mode", "dualstack"];
const SUCCESS = /^# validation successful, iptables rules applied correctly$/m;

describe.each([
  ["eBPF", EBPF],
  ["iptables", IPTABLES.nft],
])("%s", (_title, engine) => {
  test("as the proxy's user, who needs no name here", async () => {
    await using world = await createWorld();
    await world.install(...engine, "--redirect-inbound-port=25006");
    const { exitCode, stdout, stderr } = await validate(world, [
      ...ARGUMENTS,
      "--validation-server-port",
      "25006",
    ]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(SUCCESS);
    expect(stdout.match(/arrived at the proxy's inbound port/g)).toHaveLength(2);
  });

  test("with a configuration, whose user is not looked up", async () => {
    await using world = await createWorld();
    await world.install(...engine, "--ip-family-mode=ipv4", "--redirect-inbound-port=25006");
    const config =
      "kumaDPUser: nobody-has-this-name\nipFamilyMode: ipv4\nredirect: {inbound: {port: 25006}}\n";
    const result = await validate(world, ["--transparent-proxy-config", "-"], config);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stdout).toMatch(SUCCESS);
    expect(result.stdout.match(/arrived at the proxy's inbound port/g)).toHaveLength(1);
  });

  test("as root", async () => {
    await using world = await createWorld();
    await world.install(...engine);
    const { exitCode, stdout, stderr } = await world.tproxyctl(VALIDATOR, { cgroup: world.cgroup });
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(SUCCESS);
  });

  test("what comes a moment later is waited for", async () => {
    await using world = await createWorld();
    // Its first line on stderr says that it tries again: only then is it installed.
    const shell = `exec ${TPROXYCTL} ${VALIDATOR.join(" ")} --ip-family-mode=ipv4 2>&1`;
    const line = (text: string) => text.includes("trying again");
    const validator = await world.start(["sh", "-c", shell.replace(TPROXYCTL, "$0"), TPROXYCTL], {
      uid: PROXY_UID,
      isReady: line,
    });
    await world.install(...engine, "--ip-family-mode=ipv4");
    await validator.waitFor((text) => SUCCESS.test(text), 30_000);
  });
});

test("where nothing is installed it gives up after ten more tries", async () => {
  await using world = await createWorld();
  const { exitCode, stdout, stderr } = await validate(world, ["--ip-family-mode=ipv4"]);
  expect(exitCode).toBe(1);
  expect(stdout).not.toMatch(SUCCESS);
  expect(stderr.match(/trying again/g)).toHaveLength(10);
  expect(stderr).toMatch(/^error: validation failed: [\s\S]* code: VERIFY_FAILED$/m);
});

function validate(world: World, args: readonly string[], input?: string) {
  return world.tproxyctl([...VALIDATOR, ...args], {
    cgroup: world.cgroup,
    uid: PROXY_UID,
    ...(input === undefined ? {} : { input }),
  });
}
