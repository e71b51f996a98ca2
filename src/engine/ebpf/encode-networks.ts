// SPDX-License-Identifier: Apache-2.0
import { U32 } from "../../bpf/codec.ts";
import { TP_NETWORK, TP_NETWORK_KIND } from "../../bpf/layouts.gen.ts";
import { type Family, type Prefix, prefixContains } from "../../core/address.ts";
import { standsFor } from "../../plan/interface-pattern.ts";
import type { Plan } from "../../plan/plan.ts";

type Entry = readonly [key: Uint8Array, value: Uint8Array];

/** IPv4 addresses are v4-mapped: ::ffff:0:0/96. */
const MAPPED_BITS = 96;

/**
 * What the rules for virtual networks do with what arrives on each interface that is there: the entries of
 * `tp_networks`. None without such networks.
 */
export function encodeNetworks({ interfaces, virtualNetworks, ipv6 }: Plan): Entry[] {
  if (virtualNetworks.length === 0) return [];
  const families: readonly Family[] = ipv6 ? [4, 6] : [4];
  return interfaces.flatMap(({ name, index }) =>
    families.flatMap((family) => {
      const networks = virtualNetworks.filter(
        ({ interface: pattern, prefix }) => prefix.address.family === family && standsFor(pattern, name),
      );
      const all = everything(family);
      if (networks.length === 0) return [entry(index, all, TP_NETWORK_KIND.TP_NETWORK_NONE)];
      const byPattern = Map.groupBy(networks, (network) => network.interface);
      const left = [...byPattern.values()].map((list) => list.map(({ prefix }) => prefix)).reduce(common);
      return [
        entry(index, all, TP_NETWORK_KIND.TP_NETWORK_ELSEWHERE),
        ...left.map((prefix) => entry(index, prefix, TP_NETWORK_KIND.TP_NETWORK_WITHIN)),
      ];
    }),
  );
}

function everything(family: Family): Prefix {
  return { address: { family, bytes: new Uint8Array(family === 4 ? 4 : 16) }, length: 0 };
}

/** What is in both: an interface may have two patterns that stand for it, and is redirected by the rules of either. */
function common(these: readonly Prefix[], those: readonly Prefix[]): Prefix[] {
  return these.flatMap((one) =>
    those.flatMap((other) => {
      const [wide, narrow] = one.length <= other.length ? [one, other] : [other, one];
      return prefixContains(wide, narrow.address) ? [narrow] : [];
    }),
  );
}

function entry(index: number, { address, length }: Prefix, kind: number): Entry {
  const { size, fields } = TP_NETWORK;
  const isMapped = address.family === 4;
  const key = Buffer.alloc(size);
  key.writeUInt32LE((fields.addr.offset - 4) * 8 + (isMapped ? MAPPED_BITS : 0) + length);
  key.writeUInt32LE(index, fields.ifindex.offset);
  if (isMapped) key.fill(0xff, fields.addr.offset + 10, fields.addr.offset + 12);
  key.set(address.bytes, size - address.bytes.length);
  return [key, U32.encode(kind)];
}
