// Installed and removed a thousand times (test/support/extent.ts), by every engine and way: nothing adds up.

import { expect, test } from "vitest";
import { howOften } from "../support/extent.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { TPROXYCTL, type World } from "../support/world.ts";
import { Agent } from "./crash/agent.ts";
import type { Measured } from "./crash/measure.ts";
import { executablesFlag } from "./iptables/bench.ts";

const WAYS: readonly ((world: World) => readonly string[])[] = [
  (world) => world.installArguments(),
  (world) => world.installArguments("--ebpf-tc-attach-iface", "eth0"),
  (world) =>
    world.installArguments("--engine=iptables", "--redirect-all-dns-traffic", "--drop-invalid-packets"),
  (world) => world.installArguments("--engine=iptables", executablesFlag("legacy")),
];

const CYCLES = howOften(1000, 50);
const WARM_UP = 40;

/** So many are processes of their own, as a user starts them; the others run in one, where open files add up, too. */
const PROCESSES = 5;

/** In KiB. Of other tests' doing, some; what adds up 1000 times is 16 MiB at 16 KiB each. */
const TOLERANCE = 16_384;

test(`after ${CYCLES} installations and removals everything is as before the first`, async () => {
  await using agent = await Agent.create((world) => world.startProxy());
  const { world, mounts } = agent;
  const look = { mountsOf: mounts.pid };
  const cycle = async (number: number) => {
    const args = WAYS[number % WAYS.length]?.(world) ?? [];
    const isProcess = Math.floor(number / WAYS.length) % PROCESSES === 0;
    for (const command of [args, ["uninstall"]]) {
      const { exitCode, stderr } = await (isProcess
        ? mounts.run([TPROXYCTL, ...command])
        : agent.run(command));
      expect(exitCode, `cycle ${number}, ${command.join(" ")}: ${stderr}`).toBe(0);
    }
  };
  for (let number = 0; number < WARM_UP; number++) await cycle(number);
  const [state, print, before] = [await kernelState(world, look), await agent.look(), await agent.measure()];
  for (let number = 0; number < CYCLES; number++) await cycle(number);
  await expectState(world, state, look);
  expect(await agent.look()).toEqual(print);
  // What is freed in the kernel's own time is waited for.
  await expect
    .poll(async () => grown(before, await agent.measure()), { timeout: 60_000, interval: 500 })
    .toEqual([]);
  const after = await agent.measure();
  expect(after.settings).toEqual(before.settings);
  expect(after.openFiles).toBe(before.openFiles);
  console.log(`${CYCLES} cycles: ${describe(before)}; then ${describe(after)}`);
}, 3_600_000);

function grown(before: Measured, after: Measured): string[] {
  const names = Object.keys(before.kernel);
  const tooMuch = names.filter((name) => (after.kernel[name] ?? 0) - (before.kernel[name] ?? 0) > TOLERANCE);
  return tooMuch.map((name) => `${name}: ${describe(before)}; then ${describe(after)}`);
}

function describe({ kernel, openFiles }: Measured): string {
  const parts = Object.entries(kernel).map(([name, value]) => `${name} ${value} KiB`);
  return `${parts.join(", ")}, ${openFiles} files`;
}
