import { expect, test } from "vitest";
import { portSteps } from "../../../src/engine/port-steps.ts";

const ports = (text: string) => {
  const [outbound = 0, inbound = 0] = text.split("/").map(Number);
  return { outbound, inbound };
};

test.each([
  ["nothing was there", undefined, "15001/15006", false, ["15001/15006"]],
  ["the same ports", "15001/15006", "15001/15006", false, ["15001/15006"]],
  ["another inbound port", "15001/15006", "15001/16006", true, ["15001/16006"]],
  ["the same, after the other engine", "15001/15006", "15001/16006", false, ["15001/15006", "15001/16006"]],
  [
    "others, in place: the last change lets go",
    "15001/15006",
    "16001/16006",
    true,
    ["16001/16006", "16001/16006"],
  ],
  [
    "others, after the other engine: first those of before",
    "15001/15006",
    "16001/16006",
    false,
    ["15001/15006", "16001/16006", "16001/16006"],
  ],
  ["they change places", "15001/15006", "15006/15001", true, ["15006/15001", "15006/15001"]],
  [
    "the outbound one is for inbound: it changes first",
    "15001/15006",
    "16001/15001",
    true,
    ["16001/15006", "16001/15001"],
  ],
  ["the inbound one is for outbound", "15001/15006", "15006/16006", true, ["15006/16006", "15006/16006"]],
] as const)("%s", (_title, before, wanted, isInPlace, steps) => {
  const found = portSteps(before === undefined ? undefined : ports(before), ports(wanted), isInPlace);
  expect(found).toEqual(steps.map(ports));
});
