// SIGTERM (an orchestrator), SIGINT (Ctrl-C, which reaches the programs that are run as well) and SIGHUP (a terminal that went
// away) in the middle: all is done or all is undone, and the exit status says which.

import { expect, test } from "vitest";
import { TPROXYCTL, type World } from "../support/world.ts";
import { Agent, type Change } from "./crash/agent.ts";
import { type Fingerprint, intercepting, withoutNumbers } from "./crash/fingerprint.ts";

const WAYS = [
  { title: "eBPF", install: (world: World) => world.installArguments() },
  {
    title: "iptables",
    install: (world: World) => world.installArguments("--engine=iptables", "--redirect-all-dns-traffic"),
  },
] as const;

const SIGNALS = [["TERM"], ["INT", "--with-children"], ["HUP"]] as const;

/** In each list, so many places. */
const PLACES = 6;

test.each(WAYS)("$title: install, and uninstall", async ({ install }) => {
  await using agent = await Agent.create((world) => world.startProxy());
  const [installation, clean] = [install(agent.world), await agent.look()];
  const listed = await agent.kill([], [TPROXYCTL, ...installation]);
  const whole = await agent.look();
  const removed = await agent.kill([], [TPROXYCTL, "uninstall"]);
  for (const [number, { nth }] of spread(listed.changes).entries()) {
    const { exitCode, stderr } = await interrupt(agent, number, nth, installation);
    expect([0, 1], stderr).toContain(exitCode);
    if (exitCode === 0) await expectNow(agent, whole, stderr);
    else await expectNow(agent, clean, stderr);
    expect((await agent.run(["status"])).exitCode, stderr).toBe(exitCode);
    await agent.run(["uninstall"]);
  }
  for (const [number, { nth }] of spread(removed.changes).entries()) {
    await agent.run(installation);
    const { exitCode, stderr } = await interrupt(agent, number, nth, ["uninstall"]);
    if (exitCode !== 0) await expectTruthOfRest(agent, clean, stderr);
    await expectNow(agent, clean, stderr);
  }
});

test("while it waits for another tproxyctl, it goes at once, and has changed nothing", async () => {
  await using agent = await Agent.create(async () => {});
  const { world, mounts } = agent;
  const install = [TPROXYCTL, ...world.installArguments()];
  const { changes } = await agent.kill(["--nth", "4"], install);
  // What it was about to lock, and left.
  const lock =
    changes.map(({ what }) => /^open for writing (\S+\.lock)$/.exec(what)?.[1]).find(Boolean) ?? "";
  const hold = [
    "nsenter",
    `--mount=/proc/${mounts.pid}/ns/mnt`,
    "--",
    "flock",
    lock,
    "sh",
    "-c",
    "echo ready; cat",
  ];
  const holder = await world.start(hold, { cgroup: false });
  const before = await agent.look();
  const waiting = changes.findIndex(({ what }) => what === "flock") + 1;
  const { exitCode, stderr } = await agent.kill(["--nth", String(waiting), "--signal", "TERM"], install);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringContaining(" code: INTERRUPTED"),
  });
  expect(await agent.look()).toEqual(before);
  await holder.stop();
  expect((await agent.run(["uninstall"])).exitCode).toBe(0);
});

function spread(changes: readonly Change[]): Change[] {
  const step = changes.length / PLACES;
  return Array.from({ length: PLACES }, (_, place) => changes[Math.floor((place + 0.5) * step)] ?? []).flat();
}

function interrupt(agent: Agent, number: number, nth: number, args: readonly string[]) {
  const [name, ...options] = SIGNALS[number % SIGNALS.length] ?? SIGNALS[0];
  return agent.kill(["--nth", String(nth), "--signal", name, ...options], [TPROXYCTL, ...args]);
}

/** Where the last rule has gone, but not yet the chains that were made for it, nothing is installed any more. */
async function expectTruthOfRest(agent: Agent, clean: Fingerprint, message: string): Promise<void> {
  const rest = intercepting(await agent.look());
  const { exitCode } = await agent.run(["status"]);
  if (exitCode === 1) expect(rest, message).toEqual(intercepting(clean));
  else expect([0, 2], message).toContain(exitCode);
  // What is left where a program was interrupted, the next one removes.
  expect((await agent.run(["uninstall"])).exitCode, message).toBe(0);
}

async function expectNow(agent: Agent, wanted: Fingerprint, message: string): Promise<void> {
  await expect
    .poll(async () => withoutNumbers(await agent.look()), { timeout: 10_000, interval: 5, message })
    .toEqual(withoutNumbers(wanted));
}
