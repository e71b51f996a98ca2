// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { Plan } from "../../plan/plan.ts";
import { planOfNetworks } from "./beside-programs.ts";
import { checkTable } from "./check-table.ts";
import { type IptablesConfig, prepare, type Tools } from "./prepare.ts";

/**
 * Finds what rules for the virtual networks of a plan are applied with, of the families that have one. Changes nothing.
 *
 * @throws TproxyError IPTABLES_UNUSABLE; IPTABLES_FAILED where the kernel has no table nat; ConfigError
 */
export async function prepareNetworks(plan: Plan, config: IptablesConfig): Promise<Tools> {
  try {
    const tools = await prepare(planOfNetworks(plan), config);
    const executables = tools.executables.filter(({ family }) =>
      plan.virtualNetworks.some(({ prefix }) => prefix.address.family === family),
    );
    for (const each of executables) {
      const { state, found, remedy, code = "IPTABLES_FAILED" } = await checkTable(each, "nat");
      if (state === "missing")
        throw new TproxyError(code, found, remedy === undefined ? {} : { hint: remedy });
    }
    return { ...tools, executables };
  } catch (cause) {
    if (!(cause instanceof TproxyError) || !ABOUT_IPTABLES.includes(cause.code)) throw cause;
    const { code, message, hint, log } = cause;
    throw new TproxyError(
      code,
      `--vnet needs rules of iptables beside the eBPF programs, and they are not possible here: ${message}`,
      {
        cause,
        ...(hint === undefined ? {} : { hint }),
        ...(log === undefined ? {} : { log }),
      },
    );
  }
}

const ABOUT_IPTABLES: readonly string[] = ["IPTABLES_UNUSABLE", "IPTABLES_FAILED"];
