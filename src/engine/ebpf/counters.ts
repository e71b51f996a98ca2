// SPDX-License-Identifier: Apache-2.0
import { U32, U64 } from "../../bpf/codec.ts";
import { TP_REASON } from "../../bpf/layouts.gen.ts";
import type { BpfMap } from "../../bpf/map.ts";
import type { BpfObject } from "../../bpf/object.ts";
import { TypedMap } from "../../bpf/typed-map.ts";
import type { Installed } from "./installed.ts";

/** Names of the counters, without the last, which is their number. */
export const REASONS: readonly string[] = Object.keys(TP_REASON).filter((name) => name !== "TP_REASON_COUNT");

/** Whether two versions count the same, in the same order and size. */
export function hasOurCounters(installed: Installed): boolean {
  return (
    JSON.stringify(installed.record.counters) === JSON.stringify(REASONS) &&
    ["tp_counters", "tp_counted"].every((name) => isReadable(installed.findMap(name)))
  );
}

/** Another version may count in numbers of another size. */
function isReadable(map: BpfMap | undefined): map is BpfMap {
  return map !== undefined && map.info.keySize === U32.size && map.info.valueSize === U64.size;
}

/**
 * What was counted, by name: by the installation, and by those that it replaced. Nothing where no names were written down,
 * or the numbers cannot be read: they are a courtesy, and no reason for anything to fail.
 */
export function readCounters(installed: Installed): Record<string, number> {
  const { counters: names = [] } = installed.record;
  const [counters, counted] = [installed.findMap("tp_counters"), installed.findMap("tp_counted")];
  if (!isReadable(counters)) return {};
  const now = new TypedMap(counters, U32, U64);
  const before = isReadable(counted) ? new TypedMap(counted, U32, U64) : undefined;
  return Object.fromEntries(
    names.map((name, index) => {
      const values = [...(now.getPerCpu(index) ?? []), before?.get(index) ?? 0n];
      return [name, values.reduce((sum, value) => sum + Number(value), 0)];
    }),
  );
}

/** What an installation with other counters has counted so far goes on to count here, by name. */
export function takeOverCounters(object: BpfObject, previous: Installed): void {
  const counted: BpfMap = object.map("tp_counted");
  const values = readCounters(previous);
  new TypedMap(counted, U32, U64).setAll(
    REASONS.map((name, index) => [index, BigInt(values[name] ?? 0)] as const),
  );
}
