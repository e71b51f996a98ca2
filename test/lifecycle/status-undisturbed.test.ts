// Whoever asks for the status again and again, as a monitor does, is told of no damage that is none: not while an
// installation takes the place of another one either.

import { expect, test } from "vitest";
import { TPROXYCTL } from "../support/world.ts";
import { Agent } from "./crash/agent.ts";
import { EBPF, EBPF_TC, IPTABLES } from "./engines.ts";
import { NETWORKS } from "./networks.ts";

const REINSTALLS = 20;
const WAYS = [
  EBPF,
  EBPF_TC,
  EBPF,
  [...EBPF, ...NETWORKS],
  [...EBPF, "--redirect-dns"],
  IPTABLES.nft,
  [...IPTABLES.nft, "--exclude-outbound-ports", "22"],
] as const;

test("without pause through 20 reinstallations: it is installed all the time", async () => {
  await using agent = await Agent.create((world) => world.startProxy());
  const install = async (nth: number) => {
    const flags = WAYS[nth % WAYS.length] ?? EBPF;
    const args = [TPROXYCTL, ...agent.world.installArguments(...flags)];
    const { exitCode, stderr } = await agent.mounts.run(args);
    expect(exitCode, stderr).toBe(0);
  };
  await install(0);
  let isOver = false;
  const reinstall = async () => {
    for (let nth = 1; nth <= REINSTALLS; nth++) await install(nth);
  };
  const wrong: unknown[] = [];
  let asked = 0;
  const ask = async () => {
    for (; !isOver; asked++) {
      const result = await agent.run(asked % 2 === 0 ? ["status"] : ["status", "--json"]);
      if (result.exitCode !== 0) wrong.push(result);
    }
  };
  const reinstalled = reinstall().finally(() => {
    isOver = true;
  });
  await Promise.all([reinstalled, ask()]);
  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThan(REINSTALLS);
  expect((await agent.run(["uninstall"])).exitCode).toBe(0);
  expect((await agent.run(["status"])).exitCode).toBe(1);
}, 300_000);
