// SPDX-License-Identifier: Apache-2.0
import {
  TP_DIRECTION,
  TP_EXCLUDED4,
  TP_EXCLUDED6,
  TP_PROTOCOL,
  TP_SET_PORTS,
  TP_USERS,
} from "../../bpf/layouts.gen.ts";
import type { Family, Prefix } from "../../core/address.ts";
import type { NumberRange } from "../../core/ranges.ts";
import type { Plan } from "../../plan/plan.ts";
import { coverRange } from "./cover-range.ts";
import { joinUserExclusions, PROTOCOLS, type Protocol } from "./join-user-exclusions.ts";

/*
 * Keys of tries: a length in bits in the machine's byte order, then the bits. There may be 100 000 of them, for which
 * the general codec of structs is too slow.
 */

/** What is left alone, as keys of maps without values of interest. */
export type Keys = readonly Uint8Array[];

const LAYOUT = { 4: TP_EXCLUDED4, 6: TP_EXCLUDED6 } as const;

const PROTOCOL: Readonly<Record<Protocol, number>> = { tcp: TP_PROTOCOL.TP_TCP, udp: TP_PROTOCOL.TP_UDP };

/** The excluded addresses of one family, of both directions. The configuration has each once, without host bits. */
export function encodeExcludedAddresses({ outbound, inbound }: Plan, family: Family): Keys {
  return [
    ...ofFamily(outbound.excludedAddresses, family, TP_DIRECTION.TP_OUTBOUND),
    ...ofFamily(inbound.excludedAddresses, family, TP_DIRECTION.TP_INBOUND),
  ];
}

function ofFamily(prefixes: readonly Prefix[], family: Family, direction: number): Buffer[] {
  const { size, fields } = LAYOUT[family];
  return prefixes
    .filter(({ address }) => address.family === family)
    .map(({ address, length }) => {
      const key = trieKey(size, fields.addr.offset, length);
      key.writeUInt32LE(direction, fields.direction.offset);
      key.set(address.bytes, fields.addr.offset);
      return key;
    });
}

export interface EncodedUsers {
  /** Of `tp_users`, each with the number of a set. */
  readonly users: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
  /** Of `tp_set_ports`. */
  readonly ports: Keys;
}

/** The rules for users: which set of ports each user has, and what is in the sets. */
export function encodeUserExclusions({ userExclusions }: Plan): EncodedUsers {
  const { ranges, sets } = joinUserExclusions(userExclusions);
  return {
    users: ranges.flatMap(({ protocol, uids, set }) => encodeUsers(protocol, uids, set)),
    ports: sets.flatMap((ports, set) => ports.flatMap((range) => encodePorts(set, range))),
  };
}

function encodeUsers(protocol: Protocol, uids: NumberRange, set: number): [Uint8Array, Uint8Array][] {
  const { size, fields } = TP_USERS;
  const value = Buffer.alloc(4);
  value.writeUInt32LE(set);
  return coverRange(uids, 32).map(({ first, length }) => {
    const key = trieKey(size, fields.uid.offset, length);
    key.writeUInt32LE(PROTOCOL[protocol], fields.protocol.offset);
    key.writeUInt32BE(first, fields.uid.offset);
    return [key, value];
  });
}

function encodePorts(set: number, range: NumberRange): Buffer[] {
  const { size, fields } = TP_SET_PORTS;
  return coverRange(range, 16).map(({ first, length }) => {
    const key = trieKey(size, fields.port.offset, length);
    key.writeUInt32LE(set, fields.set.offset);
    key.writeUInt16BE(first, fields.port.offset);
    return key;
  });
}

/** A key whose last field begins at `offset`; of that field `length` bits count, of those before it all. */
function trieKey(size: number, offset: number, length: number): Buffer {
  // Not `alloc`, which takes five times as long: this one cuts small pieces from one.
  const key = Buffer.allocUnsafe(size).fill(0);
  key.writeUInt32LE((offset - 4) * 8 + length);
  return key;
}

/** For each protocol whether there are rules, in the order of `enum tp_protocol`. */
export function encodeExcludedUsers({ userExclusions }: Plan): Uint8Array {
  const flags = new Uint8Array(TP_PROTOCOL.TP_PROTOCOLS);
  for (const protocol of PROTOCOLS) {
    flags[PROTOCOL[protocol]] = Number(userExclusions.some((rule) => rule.protocol === protocol));
  }
  return flags;
}
