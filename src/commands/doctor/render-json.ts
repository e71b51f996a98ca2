// SPDX-License-Identifier: Apache-2.0
import type { PredictedChoice } from "../../engine/predict-choice.ts";
import type { CodedCheck } from "../../engine/run-check.ts";
import type { Examination } from "./examination.ts";

/** One line of JSON. Every key is always there; what has no value is null. */
export function renderJson({ kernel, root, checks, choice, ways }: Examination): string {
  return JSON.stringify({
    kernel,
    root,
    checks: {
      configuration: checks.configuration.map(toCheck),
      ebpf: checks.ebpf.map(toCheck),
      iptables: checks.iptables.map(toCheck),
    },
    choice: toChoice(choice),
    ways: ways.map((way) => ({ flag: way.flag, ...toChoice(way.choice) })),
  });
}

function toCheck({ name, what, state, found, remedy, code }: CodedCheck) {
  return { name, what, state, found, remedy: remedy ?? null, code: code ?? null };
}

function toChoice({ engine, outcome, reason, remedy }: PredictedChoice) {
  return { engine: engine ?? null, outcome, reason, remedy: remedy ?? null };
}
