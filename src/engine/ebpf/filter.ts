// SPDX-License-Identifier: Apache-2.0
import { BpfProgram } from "../../bpf/program.ts";
import { attachTc, detachTc, hasClsact, queryTc, removeClsact, type TcFilter } from "../../bpf/tc.ts";
import type { Undo } from "../../core/undo.ts";
import type { TcHook } from "./hooks.ts";
import type { Installed } from "./installed.ts";
import type { FilterRecord } from "./record.ts";

/*
 * Before Linux 6.6: tc programs are filters on a clsact qdisc. No pin keeps them, and none takes them away:
 * the record of the installation names them.
 */

/** Where our filter stands among others: behind nearly all of them. `tc filter show` lists it as pref 49006. */
const PRIORITY = 49_006;
const HANDLE = 1;

/** The filter that will be at a hook: known, and recorded, before it is there. */
export function planFilter(hook: TcHook, previous: Installed | undefined): FilterRecord {
  const known = findFilter(hook, previous);
  return {
    interface: hook.interface,
    index: hook.index,
    priority: PRIORITY,
    handle: HANDLE,
    madeQdisc: known?.madeQdisc === true || !hasClsact(hook.index),
  };
}

/** Attaches a filter, or replaces the program of the one that the installation before put there. */
export function attachFilter(
  hook: TcHook,
  program: BpfProgram,
  previous: Installed | undefined,
  undo: Undo,
): void {
  const known = findFilter(hook, previous);
  const before =
    known && previous?.programNames().includes(hook.program) ? previous.program(hook.program) : undefined;
  const filter = planFilter(hook, previous);
  attachTc(program, locate(hook.index), { replace: known !== undefined || isLeft(filter, hook) });
  undo.add(`taking the filter off ${hook.interface}`, () => {
    if (before === undefined) detachFilter(filter);
    else attachTc(before, locate(hook.index), { replace: true });
  });
}

function findFilter(hook: TcHook, previous: Installed | undefined): FilterRecord | undefined {
  return previous?.record.filters.find((filter) => filter.index === hook.index);
}

/** Ours, of an installation whose record is gone. */
function isLeft(filter: FilterRecord, { program }: TcHook): boolean {
  const id = filterProgram(filter);
  using found = id === undefined ? undefined : BpfProgram.byId(id);
  return found?.name === program;
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
