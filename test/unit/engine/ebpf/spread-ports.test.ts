import { expect, test } from "vitest";
import {
  SPREAD_DIRECTION_SHIFT,
  SPREAD_PORTS,
  SPREAD_PORTS_MASK,
  spreadDirection,
} from "../../../../src/engine/ebpf/spread-ports.ts";
import { readProjectFile } from "../../../support/project-files.ts";

test.each([
  ["SPREAD_PORTS", SPREAD_PORTS],
  ["SPREAD_PORTS_MASK", SPREAD_PORTS_MASK],
  ["SPREAD_DIRECTION_SHIFT", SPREAD_DIRECTION_SHIFT],
])("%s is that of the programs", (name, value) => {
  const header = readProjectFile("bpf/common.h");
  expect(Number(new RegExp(`^#define ${name}\\s+(\\w+)$`, "m").exec(header)?.[1])).toBe(value);
});

test("outbound is the first direction, as in the programs", () => {
  expect(readProjectFile("bpf/state.h")).toMatch(/TP_OUTBOUND,\s+TP_INBOUND,/);
  expect([0xf000, 0xf7ff, 0xf800, 0xffff, 0xefff].map(spreadDirection)).toEqual([
    "outbound",
    "outbound",
    "inbound",
    "inbound",
    undefined,
  ]);
});
