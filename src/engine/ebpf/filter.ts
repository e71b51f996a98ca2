// SPDX-License-Identifier: Apache-2.0
import { BpfProgram } from "../../bpf/program.ts";
import { attachTc, detachTc, hasClsact, listTc, queryTc, removeClsact, type TcFilter } from "../../bpf/tc.ts";
import type { Undo } from "../../core/undo.ts";
import { readNetwork } from "../../host/interfaces.ts";
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
 * Attaches a filter, or replaces the program of the one that an installation before put there.
 *
 * @returns that program, where it can be had: whoever undoes this needs it, and who called closes it then
 */
export function attachFilter(
  hook: TcHook,
  program: BpfProgram,
  predecessors: Predecessors,
  undo: Undo,
): BpfProgram | undefined {
  const filter = planFilter(hook, predecessors);
  const id = filterProgram(filter);
  const replace = id !== undefined && (findFilters(hook, predecessors).length > 0 || isOurs(hook.index));
  const before = replace ? programBefore(id, hook.program, predecessors) : undefined;
  attachTc(program, locate(hook.index), { replace });
  undo.add(`taking the filter off ${hook.interface}`, () => {
    if (!replace) detachFilter(filter);
    else if (before !== undefined) attachTc(before, locate(hook.index), { replace: true });
  });
  return before;
}

/** Opening it by id takes CAP_SYS_ADMIN. Undefined where we may not, and its pin is gone. */
function programBefore(id: number, name: string, { base }: Predecessors): BpfProgram | undefined {
  const program = BpfProgram.tryById(id);
  if (program !== undefined) return program;
  return base?.programNames().includes(name) ? base.program(name).duplicate() : undefined;
}

/** The filters of ours that no record names: it is gone. They are known by where they stand, and by their name. */
export function findUnrecorded(): FilterRecord[] {
  return readNetwork()
    .interfaces.filter(({ index }) => isOurs(index))
    .map(({ name, index }) => ({
      ...{ interface: name, index, priority: PRIORITY, handle: HANDLE },
      // Nobody knows: an empty qdisc does nothing, and somebody else may have made it.
      madeQdisc: false,
    }));
}

function isOurs(ifindex: number): boolean {
  return listTc(ifindex, "ingress").some(
    ({ priority, handle, name }) => priority === PRIORITY && handle === HANDLE && name?.startsWith(OUR_NAME),
  );
}

/** libbpf names a filter after its program: `tp_tc_ingress:[id]`. */
const OUR_NAME = "tp_tc_ingress:";

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
