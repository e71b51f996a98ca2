// SPDX-License-Identifier: Apache-2.0
import { fieldsOf, isTexts, numberOr, textOr, understandCommon } from "../foreign-record.ts";
import { isKnownFilter } from "./filter-record.ts";
import type { InstanceRecord } from "./record.ts";

/** See `understandCommon`. What is attached is not taken from here but from the pins. Pure. */
export function understandRecord(value: unknown): InstanceRecord {
  const { format, abi, state, netnsInode, cgroupPath, tcInterface, counters, filters } = fieldsOf(value);
  return {
    format: numberOr(format, 0),
    ...understandCommon(value),
    abi: textOr(abi, ""),
    ...(typeof state === "string" ? { state } : {}),
    ...(isTexts(counters) ? { counters } : {}),
    netnsInode: numberOr(netnsInode, 0),
    cgroupPath: textOr(cgroupPath, ""),
    ...(typeof tcInterface === "string" ? { tcInterface } : {}),
    hooks: [],
    filters: Array.isArray(filters) ? filters.filter(isKnownFilter) : [],
  };
}
