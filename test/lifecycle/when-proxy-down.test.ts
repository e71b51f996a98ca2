// --when-proxy-down as an option: where it comes from, what tells of it, and what becomes of it where eBPF is not there.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, type Result, TPROXYCTL, World } from "../support/world.ts";
import { expectFailure, intactStatus } from "./support.ts";

const BYPASS = "--when-proxy-down=bypass";

let world: World;
let directory: string;
let before: KernelState;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-down-"));
  world = await World.create();
  before = await kernelState(world);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

describe("with eBPF", () => {
  afterEach(async () => {
    await world.uninstall();
    await expectState(world, before);
  });

  test("is to refuse by itself", async () => {
    const { stderr } = await world.install();
    expect(stderr).toMatch(/outbound: nothing listens on port 15001 yet; until then .* are refused$/m);
    expect((await intactStatus(world)).record).toMatchObject({ whenProxyDown: "refuse" });
    const { stdout } = await world.tproxyctl(["status"]);
    expect(stdout).toMatch(/^while the proxy does not listen: what would go to it is refused$/m);
    expect(stdout).not.toMatch(/went past/);
  });

  test.each<[string, () => Promise<Result>]>([
    ["a flag", () => world.install(BYPASS)],
    ["a variable", () => installWith([], { KUMA_TRANSPARENT_PROXY_WHEN_PROXY_DOWN: "bypass" })],
    ["a file", () => installWith(["--config", fileWith("redirect: {whenProxyDown: bypass}")])],
  ])("is to bypass by %s, and told", async (_from, install) => {
    const { stderr } = await install();
    expect(stderr).toMatch(/inbound: nothing listens on port 15006 yet; until then .* go where they want$/m);
    expect((await intactStatus(world)).record).toMatchObject({ whenProxyDown: "bypass" });
    const { stdout } = await world.tproxyctl(["status"]);
    expect(stdout).toMatch(/^while the proxy does not listen: what would go to it is left alone$/m);
    expect(stdout).toMatch(/^went past the proxy because nobody listened: 0$/m);
  });

  test("is told how often, in words and in JSON", async () => {
    await world.install(BYPASS);
    await world.serve(["[::]:80"], { host: "remote", cgroup: false });
    for (let i = 0; i < 3; i++) {
      expect(await world.connect("[fd66::2]:80")).toMatchObject({ error: "", peer: "[fd66::2]:80" });
    }
    expect((await intactStatus(world)).connections).toMatchObject({
      outboundBypassed: 3,
      selfBypassed: 0,
      inboundBypassed: 0,
      dnsBypassed: 0,
    });
    const { stdout } = await world.tproxyctl(["status"]);
    expect(stdout).toMatch(/^went past the proxy because nobody listened: 3$/m);
  });

  test("is explained", async () => {
    const question = ["explain", "outbound", "--uid", "1", "--to", "10.66.0.2:80"];
    for (const [what, words, result] of [
      ["refuse", "refused", "refused"],
      ["bypass", "left alone", "untouched"],
    ]) {
      await world.install(`--when-proxy-down=${what}`);
      const text = await world.tproxyctl(question);
      expect(text.stdout).toMatch(new RegExp(`^while nobody listens there: ${words} \\(redirect`, "m"));
      const { stdout } = await world.tproxyctl([...question, "--json"]);
      expect(JSON.parse(stdout)).toMatchObject({ decision: { withoutProxy: { result } } });
    }
  });
});

function fileWith(text: string): string {
  const path = join(directory, "config.yaml");
  writeFileSync(path, text);
  return path;
}

async function installWith(
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const result = await world.tproxyctl(world.installArguments(...flags), { env });
  expect(result.exitCode, result.stderr).toBe(0);
  return result;
}

test("a dry run tells", async () => {
  const dryRun = async (flag: string) =>
    (await world.tproxyctl(world.installArguments("--dry-run", flag))).stdout;
  expect(await dryRun(BYPASS)).toMatch(/^while the proxy does not listen: .* is left alone$/m);
  expect(await dryRun("--when-proxy-down=refuse")).toMatch(
    /^while the proxy does not listen: .* is refused$/m,
  );
  await expectState(world, before);
});

test.each(["", "drop", "Bypass"])("what it cannot be: %j", async (text) => {
  const result = await world.tproxyctl(world.installArguments(`--when-proxy-down=${text}`));
  expectFailure(result, "CONFIG_INVALID", /--when-proxy-down: .*it must be "refuse" or "bypass"/);
  await expectState(world, before);
});

const RULES_CANNOT = /iptables engine cannot do --when-proxy-down=bypass: its rules do not know whether/;

describe.each([[[]], [["--engine=iptables", "--ebpf-enabled"]]])("with iptables, by %j", (flags) => {
  const USER = ["--kuma-dp-user", String(PROXY_UID)];
  const run = (...args: readonly string[]) => world.tproxyctl([...args, ...USER, ...flags, BYPASS]);

  test.each([[["install"]], [["install", "--dry-run"]]])(
    "is an error: %j",
    async ([command = "", ...more]) => {
      const result = await run(command, "transparent-proxy", ...more);
      expectFailure(result, "OPTION_UNSUPPORTED", RULES_CANNOT, /at refuse, or ask for eBPF/);
      await expectState(world, before);
    },
  );

  test("is one that explain and doctor know of", async () => {
    const question = ["explain", "dns", "--uid", "1", "--to", "10.66.0.2"];
    expectFailure(await run(...question), "OPTION_UNSUPPORTED", RULES_CANNOT);
    const { stdout, exitCode } = await run("doctor", "--json");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout).choice).toMatchObject({
      outcome: "impossible",
      reason: expect.stringMatching(RULES_CANNOT),
    });
  });

  test("over an installation of eBPF leaves that as it is", async () => {
    await world.install(BYPASS);
    const installed = await kernelState(world);
    expectFailure(await run("install", "transparent-proxy"), "OPTION_UNSUPPORTED");
    await expectState(world, installed);
    await world.uninstall();
  });
});

describe("where eBPF is asked for and not possible", () => {
  const OLD = ["setarch", "--uname-2.6", TPROXYCTL];
  const USER = ["--kuma-dp-user", String(PROXY_UID)];
  const run = (...args: readonly string[]) =>
    world.run([...OLD, ...args, ...USER, BYPASS], { cgroup: false });
  const TOO_OLD = /this is Linux 2\.6\.\d+.*, older than 5\.7/;

  test.each(["--ebpf-enabled", "--engine=auto"])("%s: both reasons count", async (flag) => {
    for (const more of [[], ["--dry-run"]]) {
      const result = await run("install", "transparent-proxy", flag, ...more);
      expectFailure(result, "ENGINE_UNAVAILABLE", TOO_OLD, RULES_CANNOT, /newer kernel.*at refuse/);
      expect(result.stderr).not.toMatch(/takes over/);
      await expectState(world, before);
    }
    const { stdout } = await run("doctor", "--json", flag);
    const { outcome, reason } = JSON.parse(stdout).choice;
    expect(outcome).toBe("impossible");
    expect(reason).toMatch(TOO_OLD);
    expect(reason).toMatch(RULES_CANNOT);
  });

  test("--engine=ebpf: only why that is", async () => {
    const result = await run("install", "transparent-proxy", "--engine=ebpf");
    expectFailure(result, "KERNEL_TOO_OLD", TOO_OLD);
    expect(result.stderr).not.toMatch(/rules/);
    await expectState(world, before);
  });
});
