// SPDX-License-Identifier: Apache-2.0
import { formatAddress, formatPrefix } from "../../core/address.ts";
import type { DirectionPlan, Plan } from "../../plan/plan.ts";
import type { Place } from "./apply.ts";
import type { Features } from "./features.ts";
import { chooseHooks, describeHook } from "./hooks.ts";
import { OBJECT_NAME } from "./object-file.ts";

/** What an installation of `plan` would do, one line each. */
export function describePlan(plan: Plan, place: Place, features: Features): string[] {
  const { name, uid } = plan.proxyUser;
  const hooks = chooseHooks(plan, features);
  return [
    "engine: ebpf",
    `network namespace: ${plan.netns.inode} (cookie ${place.cookie})`,
    `proxy user: ${name === undefined ? uid : `${name} (${uid})`}`,
    `outbound: ${describeDirection(plan.outbound)}`,
    `inbound: ${describeDirection(plan.inbound)}`,
    `IPv6: ${plan.ipv6 ? "intercepted" : "left alone"}`,
    `inbound addresses: ${plan.instance === "all" ? "all" : plan.instance.map(formatAddress).join(", ")}`,
    `local addresses: 127.0.0.0/8, ::1${localAddresses(plan)}`,
    ...(plan.passthroughAddress === "missing" ? ["address to add: ::6/128 on lo"] : []),
    `programs: ${OBJECT_NAME} from ${place.programs === "" ? "the package" : place.programs}`,
    ...hooks.map((hook) => `  attach ${hook.program}: ${describeHook(hook, place.cgroup)}`),
    `pins: ${place.bpffs}`,
  ];
}

function describeDirection({ redirect, port, excludedPorts }: DirectionPlan): string {
  if (!redirect) return "not intercepted";
  const excluded = excludedPorts.length === 0 ? "" : `, but for the ports ${excludedPorts.join(", ")}`;
  return `to port ${port}${excluded}`;
}

function localAddresses(plan: Plan): string {
  const local = plan.addresses.filter((address) => address.kind === "local");
  return local.map(({ prefix }) => `, ${formatPrefix(prefix)}`).join("");
}
