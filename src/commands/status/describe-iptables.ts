// SPDX-License-Identifier: Apache-2.0
import type { IptablesStatus } from "../../engine/iptables/status.ts";
import { describeCommon } from "./describe-common.ts";

export function describeIptables(status: IptablesStatus): string[] {
  const { record, listening } = status;
  return [
    ...(record === undefined
      ? ["engine: iptables (rules of kumactl, or of an installation that nothing is written down of)"]
      : describeCommon(status.engine, record, listening)),
    ...describeRules(status),
  ];
}

/** The rules, and which of them are not as they were installed. */
export function describeRules({ rules }: Pick<IptablesStatus, "rules">): string[] {
  return [
    "rules:",
    ...rules.map(
      ({ family, mode, present, missing, unexpected }) =>
        `  IPv${family} (iptables-${mode}): ${present} as installed` +
        `${missing.length === 0 ? "" : `, ${missing.length} missing`}` +
        `${unexpected.length === 0 ? "" : `, ${unexpected.length} unexpected`}`,
    ),
    ...rules.flatMap(({ family, missing, unexpected }) => [
      ...missing.map((rule) => `  missing (IPv${family}): ${rule}`),
      ...unexpected.map((rule) => `  unexpected (IPv${family}): ${rule}`),
    ]),
  ];
}
