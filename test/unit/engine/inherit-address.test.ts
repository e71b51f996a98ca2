import { expect, test } from "vitest";
import { inheritPassthroughAddress } from "../../../src/engine/inherit-address.ts";
import type { Plan, PlannedAddress } from "../../../src/plan/plan.ts";
import { prefix, samplePlan } from "../../support/plan-samples.ts";

const local = (text: string): PlannedAddress => ({ prefix: prefix(text), kind: "local", instance: true });
const OTHERS = [local("10.0.0.2"), local("fd00::2"), local("::/0")];

function plan(passthroughAddress: Plan["passthroughAddress"], ...addresses: PlannedAddress[]): Plan {
  return { ...samplePlan(), passthroughAddress, addresses: [...OTHERS, ...addresses] };
}

test.each<[string, Plan, boolean, Plan]>([
  ["wanted and there: it becomes ours", plan("present", local("::6")), true, plan("missing", local("::6"))],
  ["wanted and taken away by somebody", plan("missing", local("::6")), true, plan("missing", local("::6"))],
  ["unwanted: it goes, and is no address then", plan("unwanted", local("::6")), true, plan("unwanted")],
  [
    "unwanted, and somebody else's: it stays",
    plan("unwanted", local("::6")),
    false,
    plan("unwanted", local("::6")),
  ],
  ["wanted, and somebody else's", plan("present", local("::6")), false, plan("present", local("::6"))],
])("%s", (_title, before, owned, expected) => {
  expect(inheritPassthroughAddress(before, owned)).toEqual(expected);
});
