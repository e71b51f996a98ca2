// SPDX-License-Identifier: Apache-2.0
import { formatAddress, formatPrefix } from "../../core/address.ts";
import type { NumberRange } from "../../core/ranges.ts";
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
    ...describeUserExclusions(plan),
    `DNS: ${describeDns(plan.dns)}`,
    `while the proxy does not listen: ${plan.whenProxyDown === "bypass" ? "what would go to it is left alone" : "what would go to it is refused"}`,
    ...describeNetworks(plan),
    `IPv6: ${plan.ipv6 ? "intercepted" : "left alone"}`,
    `inbound addresses: ${plan.instance === "all" ? "all" : plan.instance.map(formatAddress).join(", ")}`,
    `local addresses: 127.0.0.0/8, ::1${localAddresses(plan)}`,
    ...(plan.passthroughAddress === "missing" ? ["address to add: ::6/128 on lo"] : []),
    `programs: ${OBJECT_NAME} from ${place.programs === "" ? "the package" : place.programs}`,
    ...hooks.map((hook) => `  attach ${hook.program}: ${describeHook(hook, place.cgroup)}`),
    `pins: ${place.bpffs}`,
  ];
}

/** A list may have 100 000 entries: what is read are the first. */
const LONGEST_LIST = 16;

function describeDirection(direction: DirectionPlan): string {
  const { redirect, port, includedPorts, excludedPorts, excludedAddresses } = direction;
  if (!redirect) return "not intercepted";
  return [
    `to port ${port}`,
    includedPorts.length === 0 ? "" : `, only the ports ${list(includedPorts.map(String))}`,
    excludedPorts.length === 0 ? "" : `, but for the ports ${list(excludedPorts.map(String))}`,
    excludedAddresses.length === 0
      ? ""
      : `, but for the addresses ${list(excludedAddresses.map(formatPrefix))}`,
  ].join("");
}

function describeUserExclusions({ userExclusions }: Plan): string[] {
  if (userExclusions.length === 0) return [];
  const rules = userExclusions.map(
    ({ protocol, ports, uids }) =>
      `${protocol}:${list(ports.map(formatRange), ",")}:${list(uids.map(formatRange), ",")}`,
  );
  return [`users left alone (protocol:ports:users): ${list(rules)}`];
}

function formatRange({ first, last }: NumberRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function describeDns({ redirect, port, servers }: Plan["dns"]): string {
  if (redirect === "none") return "left alone";
  if (redirect === "all") return `all queries over UDP to port ${port}`;
  if (servers.length === 0) return "left alone: there is no name server";
  return `queries over UDP to ${list(servers.map(formatAddress))} to port ${port}`;
}

function describeNetworks({ virtualNetworks }: Plan): string[] {
  if (virtualNetworks.length === 0) return [];
  const networks = virtualNetworks.map(({ interface: name, prefix }) => `${name}:${formatPrefix(prefix)}`);
  return [`virtual networks: ${list(networks)}`];
}

function list(texts: readonly string[], separator = ", "): string {
  const rest = texts.length - LONGEST_LIST;
  return rest <= 0
    ? texts.join(separator)
    : `${texts.slice(0, LONGEST_LIST).join(separator)} and ${rest} more`;
}

function localAddresses(plan: Plan): string {
  const local = plan.addresses.filter((address) => address.kind === "local");
  return local.map(({ prefix }) => `, ${formatPrefix(prefix)}`).join("");
}
