// SPDX-License-Identifier: Apache-2.0
import { BpfProgram } from "../../bpf/program.ts";
import { attachedPrograms } from "../../bpf/query.ts";
import { NETNS_PATH } from "../../host/netns.ts";
import { type Finding, finding } from "../finding.ts";
import type { HookStatus } from "./hook-status.ts";
import { attachTypeOf, describeHook, type Hook } from "./hooks.ts";
import type { InstanceRecord } from "./record.ts";

/**
 * Programs of others at the hooks of an installation. They may decide before ours do, or change what ours left alone. Those
 * of other installations, which let pass what is not of their network namespace, are not among them. Without CAP_SYS_ADMIN
 * nobody can tell whose they are, and nothing is said.
 */
export function otherProgramFindings(
  hooks: readonly HookStatus[],
  record: Pick<InstanceRecord, "cgroupPath" | "filters">,
): Finding[] {
  return hooks.flatMap(({ hook, programId, state }) => {
    if (state === "detached" || (hook.kind === "tc" && record.filters.length > 0)) return [];
    const ids = idsAt(hook, record.cgroupPath);
    const place = programId === undefined ? -1 : ids.indexOf(programId);
    const others = ids.flatMap((id, index) => describeOther(id, index < place, hook));
    if (others.length === 0) return [];
    return [
      finding(
        "other-programs",
        `programs of others run at ${describeHook(hook, record.cgroupPath)}: ${others.join(", ")}`,
        "`tproxyctl verify` shows whether connections are intercepted all the same.",
      ),
    ];
  });
}

function describeOther(id: number, isBefore: boolean, hook: Hook): string[] {
  using program = BpfProgram.tryById(id);
  if (program === undefined || program.name === hook.program) return [];
  return [`${program.name} (program ${id}, ${isBefore ? "before" : "after"} ours)`];
}

/** In the order in which they run. */
function idsAt(hook: Hook, cgroupPath: string): readonly number[] {
  switch (hook.kind) {
    case "cgroup":
      return attachedPrograms(cgroupPath, attachTypeOf(hook));
    case "netns":
      return attachedPrograms(NETNS_PATH, "sk_lookup");
    case "tc":
      return attachedPrograms(hook.index, "tcx_ingress");
    case "other":
      return [];
  }
}
