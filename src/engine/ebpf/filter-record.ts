// SPDX-License-Identifier: Apache-2.0

/** A tc filter on a clsact qdisc: what no pin holds, and so has to be found again. Before Linux 6.6. */
export interface FilterRecord {
  readonly interface: string;
  readonly index: number;
  readonly priority: number;
  readonly handle: number;
  /** The qdisc was not there before. */
  readonly madeQdisc: boolean;
}

/** Of a record that another version wrote. */
export function isKnownFilter(value: unknown): value is FilterRecord {
  if (typeof value !== "object" || value === null) return false;
  const of = (name: keyof FilterRecord) => typeof Reflect.get(value, name);
  const numbers = ["index", "priority", "handle"] as const;
  return (
    numbers.every((name) => of(name) === "number") &&
    of("interface") === "string" &&
    of("madeQdisc") === "boolean"
  );
}
