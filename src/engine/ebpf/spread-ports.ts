// SPDX-License-Identifier: Apache-2.0

/* As in bpf/common.h; a test holds the two together. */
export const SPREAD_PORTS = 0xf000;
export const SPREAD_PORTS_MASK = 0xf000;
export const SPREAD_DIRECTION_SHIFT = 11;

/**
 * The direction of a connection to this port of ::1, where it is one of those over which the eBPF engine spreads
 * connections to the proxy with the sk_lookup program: IPv6 has one loopback address only.
 */
export function spreadDirection(port: number): "outbound" | "inbound" | undefined {
  if ((port & SPREAD_PORTS_MASK) !== SPREAD_PORTS) return undefined;
  return ((port >> SPREAD_DIRECTION_SHIFT) & 1) === 0 ? "outbound" : "inbound";
}
