// Another tool's programs on the same cgroup go on working, and ours beside them. This is about eBPF only: the iptables
// engine attaches nothing to a cgroup.

import { describe, expect, onTestFinished, test } from "vitest";
import { APP_UID, type Connection, TPNET, type World } from "../support/world.ts";
import { ALL_PROGRAMS, Bystander, type Runs } from "./bystander.ts";
import { outcome as outcomeOf, startWorld } from "./try-situation.ts";
import { SK_LOOKUP } from "./ways.ts";

const outcome = (connection: Connection) => outcomeOf(connection, SK_LOOKUP);

const ORDERS = [
  { order: "before the installation", first: "bystander" },
  { order: "after the installation", first: "install" },
] as const;

describe.each(ORDERS)("programs that were attached $order", ({ first }) => {
  async function start(): Promise<{ world: World; bystander: Bystander }> {
    const world = await startWorld();
    onTestFinished(() => world[Symbol.asyncDispose]());
    if (first === "install") await world.install();
    const bystander = await Bystander.attach(world);
    if (first === "bystander") await world.install();
    return { world, bystander };
  }

  test("run for intercepted and untouched connections, and these go where they should", async () => {
    const { world, bystander } = await start();
    const before = await bystander.runs();
    for (const to of ["10.66.0.2:80", "[fd66::2]:80"])
      expect(outcome(await world.connect(to))).toEqual({
        error: "",
        peer: to,
        listener: 15001,
        original: to,
      });
    const own = "10.66.0.1:80";
    expect(outcome(await world.connect(own))).toMatchObject({
      error: "",
      peer: own,
      listener: 80,
      original: null,
    });
    const inbound = await world.connect(own, { host: "remote", cgroup: false });
    expect(outcome(inbound)).toMatchObject({ error: "", listener: 15006, original: own });
    const after = await bystander.runs();
    expect(increase(before, after)).toMatchObject({
      other_connect4: 2,
      other_connect6: 1,
      other_peername: 2 + 3,
    });
    expect(increase(before, after).other_sockopt).toBeGreaterThanOrEqual(4);
    expect(increase(before, after).other_sockops).toBeGreaterThanOrEqual(4);
  });

  test("stay when the installation is changed and when it goes, and run then, too", async () => {
    const { world, bystander } = await start();
    await world.install("--exclude-outbound-ports", "81");
    expect(await bystander.attached()).toEqual(ALL_PROGRAMS);
    expect(outcome(await world.connect("10.66.0.2:80"))).toMatchObject({ listener: 15001 });
    expect(outcome(await world.connect("10.66.0.2:81"))).toMatchObject({ listener: 81 });

    await world.uninstall();
    expect(await bystander.attached()).toEqual(ALL_PROGRAMS);
    const before = await bystander.runs();
    const to = "10.66.0.2:80";
    expect(outcome(await world.connect(to))).toEqual({ error: "", peer: to, listener: 80, original: null });
    expect(increase(before, await bystander.runs())).toMatchObject({ other_connect4: 1, other_connect6: 0 });
  });

  test("do not keep getsockopt from answers of more than a page", async () => {
    const { world } = await start();
    const answers = await world.run([TPNET, "sockopts"], { uid: APP_UID });
    await world.uninstall();
    const alone = await world.run([TPNET, "sockopts"], { uid: APP_UID, cgroup: false });
    expect(answers.exitCode).toBe(0);
    expect(answers.stdout).toBe(alone.stdout);
  });
});

function increase(before: Runs, after: Runs): Runs {
  const entries = Object.entries(after) as [keyof Runs, number][];
  return Object.fromEntries(entries.map(([name, value]) => [name, value - before[name]])) as Runs;
}
