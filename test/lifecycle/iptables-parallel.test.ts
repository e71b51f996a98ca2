// Twenty installations at once in one namespace: one after the other, and in the end one of them.

import { expect, test } from "vitest";
import { MODES } from "../../src/engine/iptables/executables.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, type Result } from "../support/world.ts";
import { Bench, executablesFlag } from "./iptables/bench.ts";

/** Each waits for those before it; on a busy machine that takes its time. */
const TIMEOUT_MS = 400_000;
const COUNT = 20;
const PORTS = Array.from({ length: COUNT }, (_, index) => 20_000 + index);

/** All succeeded, or say who holds the lock. */
function expectDoneOrLocked(results: readonly Result[]): void {
  for (const { exitCode, stdout, stderr } of results) {
    if (exitCode === 0) expect(stdout).toMatch(/completed successfully/);
    else expect(stderr).toMatch(/lock on .*, which process \d+ holds.*code: LOCKED/s);
  }
  expect(results.filter(({ exitCode }) => exitCode === 0).length).toBeGreaterThan(0);
}

function ports(rules: readonly string[]): string[] {
  return rules.flatMap((rule) => /--to-ports (\d+)/.exec(rule)?.[1] ?? []);
}

/** What is there is a fresh installation with the options of one of them, once; and nothing of another. */
async function expectOneOf(bench: Bench, flagsOf: (port: number) => readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await bench.status();
  expect(exitCode, `${stdout}${stderr}`).toBe(0);
  const { rules, addresses } = await bench.trace();
  const port = Number(/to port (2\d{4})/.exec(stdout)?.[1]);
  expect(PORTS).toContain(port);
  await bench.uninstall();
  await bench.install(...flagsOf(port));
  const fresh = await bench.trace();
  expect({ rules, addresses }).toEqual({ rules: fresh.rules, addresses: fresh.addresses });
}

const portFlag = (port: number) => ["--redirect-outbound-port", String(port), "--redirect-all-dns-traffic"];

test.each(MODES)(
  "with %s",
  async (mode) => {
    await using bench = await Bench.create(mode);
    const before = await bench.trace();
    expectDoneOrLocked(await Promise.all(PORTS.map((port) => bench.tryInstall(portFlag(port)))));
    await expectOneOf(bench, portFlag);
    await bench.uninstall();
    expect(await bench.trace()).toEqual(before);
  },
  TIMEOUT_MS,
);

test(
  "with nft and legacy in turn: the rules of one mode are left",
  async () => {
    await using bench = await Bench.create();
    const before = await bench.trace();
    const modeOf = (port: number) => MODES[port % 2] ?? "nft";
    const flagsOf = (port: number) => [...portFlag(port), executablesFlag(modeOf(port))];
    expectDoneOrLocked(await Promise.all(PORTS.map((port) => bench.tryInstall(flagsOf(port)))));
    const { rules } = await bench.trace();
    const [port] = ports(rules).filter((each) => each.startsWith("2"));
    const mode = modeOf(Number(port));
    expect(rules.filter((rule) => !new RegExp(`^ip6? ${mode} `).test(rule))).toEqual([]);
    await expectOneOf(bench, flagsOf);
    await bench.uninstall();
    expect(await bench.trace()).toEqual(before);
  },
  TIMEOUT_MS,
);

test(
  "with eBPF and both modes of iptables in turn: one engine is left",
  async () => {
    await using bench = await Bench.create();
    const { world } = bench;
    const before = await bench.trace();
    // iptables' own, which it leaves.
    await bench.mounts.mustRun("touch", "/run/xtables.lock");
    const state = await kernelState(world, { mountsOf: bench.mounts.pid });
    const ebpf = ["--kuma-dp-user", String(PROXY_UID), "--ebpf-cgroup-path", world.cgroup, "--engine=ebpf"];
    const commands = PORTS.map((port) => {
      const flags = ["--redirect-outbound-port", String(port)];
      if (port % 3 === 0) return ["install", "transparent-proxy", ...ebpf, ...flags];
      return bench.installArguments(executablesFlag(MODES[port % 2] ?? "nft"), ...flags);
    });
    expectDoneOrLocked(await Promise.all(commands.map((command) => bench.tproxyctl(command))));
    const { exitCode, stdout, stderr } = await bench.status();
    expect(exitCode, `${stdout}${stderr}`).toBe(0);
    const engine = /^engine: (\w+)/.exec(stdout)?.[1];
    const { rules, addresses } = await bench.trace();
    const modes = new Set(rules.map((rule) => rule.split(" ")[1]));
    expect(modes.size).toBe(engine === "iptables" ? 1 : 0);
    expect(new Set(ports(rules).filter((port) => port.startsWith("2"))).size).toBe(modes.size);
    expect(addresses.join()).toContain("::6/128");
    const programs = (await kernelState(world, { mountsOf: bench.mounts.pid }))["cgroup programs"] ?? [];
    expect(programs.length > 0).toBe(engine === "ebpf");
    await bench.uninstall();
    expect(await bench.trace()).toEqual(before);
    await expectState(world, state, { mountsOf: bench.mounts.pid });
  },
  TIMEOUT_MS,
);

test(
  "installations and uninstallations in turn all succeed",
  async () => {
    await using bench = await Bench.create();
    const before = await bench.trace();
    const commands = PORTS.map((port) => {
      if (port % 2 === 0) return ["uninstall"];
      return bench.installArguments(executablesFlag(MODES[(port >> 1) % 2] ?? "nft"), ...portFlag(port));
    });
    expectDoneOrLocked(await Promise.all(commands.map((command) => bench.tproxyctl(command))));
    expect([0, 1]).toContain((await bench.status()).exitCode);
    await bench.uninstall();
    expect(await bench.trace()).toEqual(before);
  },
  TIMEOUT_MS,
);
