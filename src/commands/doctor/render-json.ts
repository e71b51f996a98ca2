// SPDX-License-Identifier: Apache-2.0

import { describeLeftover } from "../../engine/leftovers/leftover.ts";
import type { PredictedChoice } from "../../engine/predict-choice.ts";
import type { CodedCheck } from "../../engine/run-check.ts";
import { type Examination, LEFTOVERS_REMEDY, type Others } from "./examination.ts";

/** One line of JSON. Every key is always there; what has no value is null. */
export function renderJson({ kernel, root, checks, others, choice, ways }: Examination): string {
  return JSON.stringify({
    kernel,
    root,
    checks: {
      configuration: checks.configuration.map(toCheck),
      ebpf: checks.ebpf.map(toCheck),
      iptables: checks.iptables.map(toCheck),
    },
    others: others === undefined ? null : toOthers(others),
    choice: toChoice(choice),
    ways: ways.map((way) => ({ flag: way.flag, ...toChoice(way.choice) })),
  });
}

function toOthers({ leftovers, programs }: Others) {
  return {
    leftovers: leftovers.map((each) => ({ ...each, what: describeLeftover(each), remedy: LEFTOVERS_REMEDY })),
    programs,
  };
}

function toCheck({ name, what, state, found, remedy, code }: CodedCheck) {
  return { name, what, state, found, remedy: remedy ?? null, code: code ?? null };
}

function toChoice({ engine, outcome, reason, remedy }: PredictedChoice) {
  return { engine: engine ?? null, outcome, reason, remedy: remedy ?? null };
}
