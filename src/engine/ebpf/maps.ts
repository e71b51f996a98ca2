// SPDX-License-Identifier: Apache-2.0

/** The maps of the object, by what becomes of them when an installation is changed. */
export const MAPS = {
  /** What is known of connections: kept, or those in flight would lose their destination. */
  connections: ["tp_sockets", "tp_handshakes", "tp_counters"],
  /** The sockets that the proxy listens on: kept as long as the ports are the same. */
  listeners: ["tp_listening", "tp_inbound4", "tp_inbound6", "tp_outbound6"],
  /** Decisions: always new, and in force in one step with the program that reads them. */
  policy: ["tp_addresses4", "tp_addresses6"],
} as const;

export const READ_ONLY_DATA = ".rodata";

export const ALL_MAPS: readonly string[] = [...MAPS.connections, ...MAPS.listeners, ...MAPS.policy];
