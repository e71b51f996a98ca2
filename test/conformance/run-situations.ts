// Tries all situations of the table with one engine, and one way of it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { World } from "../support/world.ts";
import { expectDoneBy } from "./evidence.ts";
import { OPTION_SETS } from "./situations.ts";
import { outcome, prefixed, startWorld, tryOut, wanted } from "./try-situation.ts";
import type { Way } from "./ways.ts";

export function describeSituations(way: Way): void {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  describe.each(OPTION_SETS)("$title", ({ flags, variables, ports, situations }) => {
    beforeAll(() => world.installIn(prefixed(variables), ...way.flags, ...flags));
    afterAll(() => world.uninstall());

    test.each(situations)("$name: $expected", async (situation) => {
      expect(outcome(await tryOut(world, situation), way)).toEqual(wanted(situation, ports));
    });

    const inbound = situations.filter(({ host, expected }) => host === "remote" && expected === "inbound");
    if (inbound.length === 0) return;
    test(`is done by ${way.way}`, () => expectDoneBy(world, way, inbound.length));
  });
}
