// A cgroup takes 64 programs of a type. By default all instances of a host share one: its root. (undo.test.ts has the error.)

import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { expectInterception, ForeignPrograms, worldWithProxy } from "./support.ts";

test("where no more programs can be attached, and either engine will do, iptables takes over", async () => {
  await using world = await worldWithProxy();
  using foreign = new ForeignPrograms();
  foreign.fillConnect4(world.cgroup, 64);
  const before = await kernelState(world);
  const { stderr } = await world.install("--engine=auto");
  expect(stderr).toMatch(
    /^warning: eBPF is not possible here \(cannot attach .*\): iptables takes over\. Give each instance a cgroup/m,
  );
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});
