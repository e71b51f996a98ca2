// SPDX-License-Identifier: Apache-2.0

import { type StructValue, structCodec } from "../../bpf/layout.ts";
import {
  RODATA,
  TP_ADDRESS,
  TP_ADDRESS_KIND,
  TP_PREFIX4,
  TP_PREFIX6,
  TP_REASON,
} from "../../bpf/layouts.gen.ts";
import type { Family, Prefix } from "../../core/address.ts";
import type { Plan, PlannedAddress } from "../../plan/plan.ts";
import { encodeDnsMode } from "./encode-dns.ts";
import { encodeExcludedUsers } from "./encode-exclusions.ts";
import type { Features } from "./features.ts";
import type { Hook } from "./hooks.ts";
import { requireCookie } from "./require.ts";

export const PREFIX4 = structCodec(TP_PREFIX4);
export const PREFIX6 = structCodec(TP_PREFIX6);
export const ADDRESS = structCodec(TP_ADDRESS);

/**
 * The constants of an installation, as the programs see them in `.rodata`.
 *
 * @param portBefore the outbound port of the installation that it takes the place of
 */
export function encodeReadOnlyData(
  plan: Plan,
  features: Features,
  hooks: readonly Hook[],
  portBefore: number = plan.outbound.port,
): Uint8Array {
  const redirect = Uint8Array.of(Number(plan.outbound.redirect), Number(plan.inbound.redirect));
  return structCodec(RODATA).encode({
    tp_config: {
      netns_cookie: requireCookie(plan.netns),
      proxy_uid: plan.proxyUser.uid,
      inbound_ifindex: plan.tcInterface?.index ?? 0,
      ports: [plan.outbound.port, plan.inbound.port],
      redirect,
      ipv6: Number(plan.ipv6),
      all_addresses: Number(plan.instance === "all"),
      tc: Number(hooks.some((hook) => hook.kind === "tc")),
      lookup: Number(hooks.some((hook) => hook.kind === "netns")),
      lookup_knows_ifindex: Number(features.lookup && features.lookupKnowsIfindex),
      sockops_knows_netns: Number(features.sockopsKnowsNetns),
      outbound_included: Number(plan.outbound.includedPorts.length > 0),
      excluded4: encodeExcluded(plan, 4),
      excluded6: encodeExcluded(plan, 6),
      excluded_users: encodeExcludedUsers(plan),
      bypass: Number(plan.whenProxyDown === "bypass"),
      networks: Number(plan.virtualNetworks.length > 0),
      networks_port: portBefore,
      dns_port: plan.dns.port,
      dns4: encodeDnsMode(plan, 4),
      dns6: encodeDnsMode(plan, 6),
      counters: TP_REASON.TP_REASON_COUNT,
    },
    tp_redirected_ports: [plan.outbound, plan.inbound].map(({ ports }) => ({ bits: ports.bits() })),
  });
}

/** For each direction whether addresses of a family are excluded. */
function encodeExcluded({ outbound, inbound }: Plan, family: Family): Uint8Array {
  return Uint8Array.from([outbound, inbound], ({ excludedAddresses }) =>
    Number(excludedAddresses.some(({ address }) => address.family === family)),
  );
}

type Entry<Key> = readonly [key: Key, value: StructValue<typeof TP_ADDRESS>];

export function encodeAddresses4(plan: Plan): Entry<StructValue<typeof TP_PREFIX4>>[] {
  return encodeAddresses(plan, 4);
}

export function encodeAddresses6(plan: Plan): Entry<StructValue<typeof TP_PREFIX6>>[] {
  return encodeAddresses(plan, 6);
}

function encodeAddresses(plan: Plan, family: 4 | 6): Entry<{ length: number; addr: Uint8Array }>[] {
  return plan.addresses
    .filter((each) => each.prefix.address.family === family)
    .map((each) => [encodePrefix(each.prefix), { kind: encodeKind(each) }]);
}

function encodePrefix({ address, length }: Prefix): { length: number; addr: Uint8Array } {
  return { length, addr: address.bytes };
}

function encodeKind(address: PlannedAddress): number {
  if (address.kind === "broadcast") return TP_ADDRESS_KIND.TP_ADDRESS_BROADCAST;
  const instance = address.instance ? TP_ADDRESS_KIND.TP_ADDRESS_INSTANCE : 0;
  return TP_ADDRESS_KIND.TP_ADDRESS_LOCAL | instance;
}
