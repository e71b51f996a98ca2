// SPDX-License-Identifier: Apache-2.0

import { describeLeftover } from "../../engine/leftovers/leftover.ts";
import type { PredictedChoice } from "../../engine/predict-choice.ts";
import type { CodedCheck } from "../../engine/run-check.ts";
import { type Examination, LEFTOVERS_REMEDY, type Others } from "./examination.ts";
import { wrap } from "./wrap.ts";

const MARKS = { ok: "ok", limited: "limited", missing: "MISSING", unknown: "unknown" } as const;

/** Columns that a mark, and the name of a way to ask, take up with the blanks around them. */
const MARK_WIDTH = 11;
const WAY_WIDTH = 18;
const ENGINE_WIDTH = 10;

/** Lines for people: plain ASCII, as far as what was found is. */
export function renderText({ kernel, root, checks, others, choice, ways }: Examination): string[] {
  const who = root ? "as root" : "not as root: some of it only root can find out";
  return [
    `Linux ${kernel}, ${who}`,
    ...renderGroup("this host and the configuration", checks.configuration),
    ...renderGroup("eBPF engine", checks.ebpf),
    ...renderGroup("iptables engine", checks.iptables),
    ...renderOthers(others),
    "",
    "asked for by",
    ...ways.flatMap(({ flag, choice: each }) => renderWay(flag, each)),
    "",
    ...renderChoice(choice),
  ];
}

function renderGroup(title: string, checks: readonly CodedCheck[]): string[] {
  return ["", title, ...checks.flatMap((check, index) => renderCheck(check, checks[index + 1]))];
}

/** Nothing where nobody left anything, and nobody has a program there. */
function renderOthers(others: Others | undefined): string[] {
  const { leftovers = [], programs = [] } = others ?? {};
  const item = (text: string) => wrap(text, { first: "  -", width: 4 });
  return [
    ...(leftovers.length === 0
      ? []
      : [
          "",
          "left by Kuma's eBPF engine, by merbridge, or by tproxyctl in a network namespace that is gone",
          ...leftovers.flatMap((each) => item(describeLeftover(each))),
          ...wrap(LEFTOVERS_REMEDY, { first: "  ->", width: 5 }),
        ]),
    ...(programs.length === 0
      ? []
      : [
          "",
          "not ours: other programs on that cgroup, these interfaces and this network namespace",
          ...programs.flatMap(({ name, programId, place }) =>
            item(`${name} (program ${programId}), ${place}`),
          ),
        ]),
  ];
}

/** A remedy for several checks in a row stands below the last of them. */
function renderCheck({ state, what, found, remedy }: CodedCheck, next: CodedCheck | undefined): string[] {
  const lines = wrap(`${what}: ${found}`, { first: `  ${MARKS[state]}`, width: MARK_WIDTH });
  if (state === "ok" || remedy === undefined || remedy === next?.remedy) return lines;
  return [...lines, ...wrap(remedy, { first: `${" ".repeat(MARK_WIDTH)}->`, width: MARK_WIDTH + 3 })];
}

function renderWay(flag: string, { engine, reason }: PredictedChoice): string[] {
  const first = `  ${flag}`.padEnd(WAY_WIDTH) + (engine ?? "nothing");
  return wrap(reason, { first, width: WAY_WIDTH + ENGINE_WIDTH });
}

function renderChoice({ engine, reason, remedy }: PredictedChoice): string[] {
  const verdict = engine === undefined ? `install would fail, because ${reason}` : undefined;
  const lines = wrap(verdict ?? `install would use: ${engine}, because ${reason}`, { first: "", width: 0 });
  return remedy === undefined ? lines : [...lines, ...wrap(remedy, { first: "->", width: 3 })];
}
