// SIGKILL at the iptables engine and the programs that it runs, and while one engine takes the other's place.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { MODES } from "../../src/engine/iptables/executables.ts";
import type { World } from "../support/world.ts";
import { Agent } from "./crash/agent.ts";
import { Killer, type Scene, UNINSTALL } from "./crash/scene.ts";
import { Bench, executablesFlag } from "./iptables/bench.ts";

const OLD = ["--exclude-outbound-ports", "22"];
/** Three tables of each family; and without comments, so that rules are known by the record alone. */
const NEW = ["--redirect-all-dns-traffic", "--drop-invalid-packets", "--disable-comments"];

const install = (mode: (typeof MODES)[number]) => (world: World, flags: readonly string[]) => ({
  args: world.installArguments("--engine=iptables", executablesFlag(mode), ...flags),
});

const SCENES: readonly Scene[] = [
  ...MODES.flatMap((mode) => [
    {
      title: `a first installation (${mode})`,
      commands: (world: World) => ({ killed: install(mode)(world, NEW) }),
    },
    {
      title: `a reinstallation (${mode})`,
      commands: (world: World) => ({ first: install(mode)(world, OLD), killed: install(mode)(world, NEW) }),
    },
    {
      title: `an uninstallation (${mode})`,
      commands: (world: World) => ({ first: install(mode)(world, NEW), killed: UNINSTALL }),
    },
  ]),
  {
    title: "from eBPF to iptables",
    commands: (world) => ({ first: { args: world.installArguments() }, killed: install("nft")(world, OLD) }),
  },
  {
    title: "from iptables to eBPF",
    commands: (world) => ({ first: install("nft")(world, OLD), killed: { args: world.installArguments() } }),
  },
];

test.each(SCENES)(
  "$title",
  async (scene) => {
    await using agent = await Agent.create((world) => world.startProxy());
    const killer = await Killer.create(agent, scene);
    expect(await killer.killEverywhere()).toBeGreaterThan(15);
  },
  900_000,
);

/** Killed while iptables-restore waits for something, which goes on by itself: too late for whoever comes next. */
test.each(MODES)("what iptables-restore still does then, the next command waits for (%s)", async (mode) => {
  await using bench = await Bench.create(mode);
  const clean = await bench.trace();
  const [go, done] = [join(bench.directory, "go"), join(bench.directory, "done")];
  const wait = `while [ ! -e ${go} ]; do sleep 0.02; done`;
  bench.replace(
    bench.program("restore"),
    `text=$(cat); kill -9 $PPID; ${wait}; echo "$text" | "$real" "$@"; : >${done}`,
  );
  expect((await bench.tryInstall(NEW)).exitCode).not.toBe(0);
  bench.unhide();
  const uninstalled = bench.tproxyctl(["uninstall"]);
  // It is one after the other in either case: if it does not wait, it has ended by then.
  await Promise.race([uninstalled, setTimeout(3000)]);
  writeFileSync(go, "");
  await expect.poll(() => existsSync(done), { timeout: 20_000 }).toBe(true);
  expect(await uninstalled).toMatchObject({ exitCode: 0 });
  expect(await bench.trace()).toEqual(clean);
});
