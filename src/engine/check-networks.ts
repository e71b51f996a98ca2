// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import type { Plan } from "../plan/plan.ts";
import { hasNetworks } from "./iptables/beside-programs.ts";
import type { IptablesEngine } from "./iptables/engine.ts";
import type { CodedCheck } from "./run-check.ts";

const NAMED = { name: "virtual-networks", what: "iptables for the virtual networks" } as const;

/** What the eBPF engine needs beside its programs, where a plan has virtual networks: asked as an installation asks it. */
export async function checkNetworks(
  plan: Plan,
  iptables: Pick<IptablesEngine, "prepareNetworks">,
): Promise<CodedCheck[]> {
  if (!hasNetworks(plan)) return [];
  try {
    const { executables } = await iptables.prepareNetworks(plan);
    const found = executables.map(({ restore }) => restore).join(", ");
    return [{ ...NAMED, state: "ok", found, remedy: undefined }];
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code === "INTERNAL") throw error;
    const { message: found, hint: remedy, code } = error;
    return [{ ...NAMED, state: "missing", found, remedy, code }];
  }
}
