// SIGKILL at `install --confirm-within`: either nothing has been changed or all is put back in time, and the next `install`
// is not kept from anything. `tpnet kill-at` waits for what the command started: for what puts back, too.

import { expect, test } from "vitest";
import { TPROXYCTL } from "../support/world.ts";
import { Change, until } from "./confirm-support.ts";
import { Agent, type Change as Call } from "./crash/agent.ts";
import { type Fingerprint, withoutNumbers } from "./crash/fingerprint.ts";

/** Locks, and their directory, which every command makes. */
const OF_LOCKS = /\.lock$| \/run\/tproxyctl$/;

/** Of a run of calls of the same kind, the first: between two of one kind `killed-ebpf.test.ts` kills. */
function isEdge({ what }: Call, index: number, calls: readonly Call[]): boolean {
  const kind = (text = "") => text.replace(/ \/.*/, "");
  return what.includes("/confirm-") || kind(what) !== kind(calls[index - 1]?.what);
}

async function callsOf(agent: Agent, command: readonly string[]): Promise<Call[]> {
  const { exitCode, stderr, changes } = await agent.kill([], command);
  expect(exitCode, stderr).toBe(0);
  const started = changes.findIndex(({ what }) => what.startsWith("start "));
  return changes
    .filter(({ lasting, child, what }, at) => lasting && (!child || at === started) && !OF_LOCKS.test(what))
    .filter(isEdge);
}

async function killAt(agent: Agent, { nth, what }: Call, command: readonly string[]): Promise<string> {
  const { exitCode, stderr } = await agent.kill(["--nth", String(nth)], command);
  expect(exitCode, `${nth}: ${what}: ${stderr}`).toBe(128 + 9);
  return `killed before ${nth}: ${what}`;
}

function effect({ hooks, rules, addresses }: Fingerprint): unknown {
  return { hooks, rules, addresses };
}

test("where nothing was there before", async () => {
  await using agent = await Agent.create((world) => world.startProxy());
  const clean = await agent.look();
  const install = [TPROXYCTL, ...agent.world.installArguments("--confirm-within=1s")];
  const calls = await callsOf(agent, install);
  expect(effect(await agent.look()), "put back").toEqual(effect(clean));
  expect(calls.length).toBeGreaterThan(10);
  for (const call of calls) {
    const about = await killAt(agent, call, install);
    await expect.poll(async () => effect(await agent.look()), { message: about }).toEqual(effect(clean));
    expect(await agent.run(["status"]), about).toMatchObject({ exitCode: 1 });
    expect(await agent.run(agent.world.installArguments()), about).toMatchObject({ exitCode: 0 });
    expect(await agent.run(["uninstall"]), about).toMatchObject({ exitCode: 0 });
    await expect.poll(() => agent.look(), { timeout: 10_000, message: about }).toEqual(clean);
  }
  console.log(`a first installation to be confirmed: killed ${calls.length} times`);
}, 600_000);

test("where another one waits to be confirmed", async () => {
  await using agent = await Agent.create((world) => world.startProxy());
  const { world, mounts } = agent;
  const change = Change.of(world, mounts);
  const arguments_ = (port: number) => world.installArguments(`--exclude-outbound-ports=${port}`);
  expect(await agent.run(arguments_(7777))).toMatchObject({ exitCode: 0 });
  const before = effect(withoutNumbers(await agent.look()));
  const install = [TPROXYCTL, ...arguments_(9999), "--confirm-within=1s"];
  const calls = (await callsOf(agent, install)).slice(0, 6);
  for (const call of calls) {
    await change.paused(mounts.run([TPROXYCTL, ...arguments_(8888), "--confirm-within=1s"]));
    const { pid } = change.timer;
    const about = await killAt(agent, call, install);
    process.kill(pid, "SIGCONT");
    await until(
      () => change.state === undefined,
      () => `${about}: ${change.logged}`,
    );
    const { stdout } = await agent.run(["status"]);
    expect(stdout, about).toContain("7777");
    expect(effect(withoutNumbers(await agent.look())), about).toEqual(before);
  }
  expect(await agent.run(["uninstall"])).toMatchObject({ exitCode: 0 });
}, 600_000);
