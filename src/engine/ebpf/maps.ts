// SPDX-License-Identifier: Apache-2.0
import { type Hook, isDnsHook } from "./hooks.ts";

/** The maps of the object, by what becomes of them when an installation is changed. */
export const MAPS = {
  /** What is known of connections and listeners: kept, or connections in flight would lose their destination. */
  connections: [
    "tp_sockets",
    "tp_handshakes",
    "tp_dns_answers",
    "tp_syns",
    "tp_inbound4",
    "tp_inbound6",
    "tp_outbound6",
  ],
  /** Where the proxy listens: kept as long as the ports are the same. */
  listeners: ["tp_listening"],
  /** Kept as long as there are the same counters. */
  counters: ["tp_counters", "tp_counted"],
  /** Decisions: always new, and in force in one step with the program that reads them. */
  policy: [
    "tp_addresses4",
    "tp_addresses6",
    "tp_networks",
    "tp_excluded4",
    "tp_excluded6",
    "tp_users",
    "tp_set_ports",
    "tp_dns_servers",
  ],
} as const;

export const READ_ONLY_DATA = ".rodata";

const ALL_MAPS: readonly string[] = [
  ...MAPS.connections,
  ...MAPS.listeners,
  ...MAPS.counters,
  ...MAPS.policy,
];

/** All their memory is taken when they are made: so only where DNS is redirected, and where tc stands before sk_lookup. */
export const OMITTABLE: readonly string[] = ["tp_dns_answers", "tp_syns"];

/** Which maps the programs at `hooks` need, and which they can do without. */
export function chooseMaps(hooks: readonly Hook[]): {
  readonly needed: readonly string[];
  readonly omitted: readonly string[];
} {
  const isThere = (kind: Hook["kind"]) => hooks.some((hook) => hook.kind === kind);
  const omitted = [
    ...(hooks.some(isDnsHook) ? [] : ["tp_dns_answers"]),
    ...(isThere("tc") && isThere("netns") ? [] : ["tp_syns"]),
  ];
  return { needed: ALL_MAPS.filter((name) => !omitted.includes(name)), omitted };
}
