// What only looks makes no system call that changes something for good.

import { expect, test } from "vitest";
import { TPROXYCTL, type World } from "../support/world.ts";
import { Agent, type Change } from "./crash/agent.ts";

const INSTALLATIONS: readonly ((world: World) => readonly string[])[] = [
  (world) => world.installArguments("--ebpf-tc-attach-iface", "eth0"),
  (world) => world.installArguments("--engine=iptables", "--redirect-all-dns-traffic"),
];

test.each(INSTALLATIONS)("where it is installed, and where not (%#)", async (makeArguments) => {
  await using agent = await Agent.create((world) => world.startProxy());
  const install = makeArguments(agent.world);
  const looks = [
    ["status"],
    ["uninstall", "--dry-run"],
    [...install, "--dry-run"],
    ["explain", "outbound", "--to", "10.66.0.2:80"],
  ];
  const before = await agent.look();
  for (const isInstalled of [false, true]) {
    if (isInstalled) expect((await agent.run(install)).exitCode).toBe(0);
    const state = await agent.look();
    for (const args of looks) {
      const { stderr, changes } = await agent.kill([], [TPROXYCTL, ...args]);
      expect(changes.filter(isForGood), `${args.join(" ")}: ${stderr}`).toEqual([]);
      expect({ ...(await agent.look()), maps: state.maps }, args.join(" ")).toEqual(state);
    }
  }
  expect((await agent.run(["uninstall"])).exitCode).toBe(0);
  await expect.poll(() => agent.look()).toEqual(before);
});

/** What a program that is started changes, in a namespace of its own, would show. */
function isForGood({ lasting, child }: Change): boolean {
  return lasting && !child;
}
