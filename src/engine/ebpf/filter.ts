// SPDX-License-Identifier: Apache-2.0
import { BpfProgram } from "../../bpf/program.ts";
import { attachTc, detachTc, hasClsact, queryTc, removeClsact, type TcFilter } from "../../bpf/tc.ts";
import type { Undo } from "../../core/undo.ts";
import type { FilterRecord } from "./filter-record.ts";
import type { TcHook } from "./hooks.ts";
import type { Predecessors } from "./predecessors.ts";

/*
 * Before Linux 6.6: tc programs are filters on a clsact qdisc. No pin keeps them, and none takes them away:
 * the record of the installation names them.
 */

/** Where our filter stands among others: behind nearly all of them. `tc filter show` lists it as pref 49006. */
const PRIORITY = 49_006;
const HANDLE = 1;

/** The filter that will be at a hook: known, and recorded, before it is there. */
export function planFilter(hook: TcHook, predecessors: Predecessors): FilterRecord {
  const known = findFilters(hook, predecessors);
  return {
    interface: hook.interface,
    index: hook.index,
    priority: PRIORITY,
    handle: HANDLE,
    madeQdisc: known.some(({ madeQdisc }) => madeQdisc) || !hasClsact(hook.index),
  };
}

/**
 * Attaches a filter, or replaces the program of the one that an installation before put there. Returns that program, to be
 * disposed of after `undo`.
 */
export function attachFilter(
  hook: TcHook,
  program: BpfProgram,
  predecessors: Predecessors,
  undo: Undo,
): BpfProgram | undefined {
  const filter = planFilter(hook, predecessors);
  const before = programBefore(hook, filter, predecessors);
  attachTc(program, locate(hook.index), { replace: before !== undefined });
  undo.add(`taking the filter off ${hook.interface}`, () => {
    if (before === undefined) detachFilter(filter);
    else attachTc(before, locate(hook.index), { replace: true });
  });
  return before;
}

/** Of a filter of ours, also of an installation whose record is gone. */
function programBefore(
  hook: TcHook,
  filter: FilterRecord,
  predecessors: Predecessors,
): BpfProgram | undefined {
  const id = filterProgram(filter);
  const program = id === undefined ? undefined : BpfProgram.tryById(id);
  if (program === undefined) return undefined;
  if (findFilters(hook, predecessors).length > 0 || program.name === hook.program) return program;
  program[Symbol.dispose]();
  return undefined;
}

function findFilters(hook: TcHook, { all }: Predecessors): FilterRecord[] {
  return all.flatMap(({ record }) => record.filters).filter(({ index }) => index === hook.index);
}

/** The id of the program that stands where the filter was put; undefined where none does. */
export function filterProgram({ index, priority, handle }: FilterRecord): number | undefined {
  return queryTc({ ifindex: index, direction: "ingress", priority, handle });
}

/** Takes a filter away, and the qdisc if it was ours and nobody else uses it by now. */
export function detachFilter({ index, priority, handle, madeQdisc }: FilterRecord): void {
  detachTc({ ifindex: index, direction: "ingress", priority, handle });
  if (madeQdisc) removeClsact(index);
}

function locate(ifindex: number): TcFilter {
  return { ifindex, direction: "ingress", priority: PRIORITY, handle: HANDLE };
}
