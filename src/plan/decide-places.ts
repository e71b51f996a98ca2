// SPDX-License-Identifier: Apache-2.0
import { type Address, isLoopback, type Prefix, prefixContains, sameAddress } from "../core/address.ts";
import { PASSTHROUGH_ADDRESS, type Plan } from "./plan.ts";

const LOCALHOST = {
  4: { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) },
  6: { family: 6, bytes: Uint8Array.of(...new Array<number>(15).fill(0), 1) },
} as const satisfies Record<4 | 6, Address>;

const PASSTHROUGH = {
  4: { family: 4, bytes: Uint8Array.of(127, 0, 0, 6) },
  6: PASSTHROUGH_ADDRESS,
} as const satisfies Record<4 | 6, Address>;

/** Of the loopback interface, and of every network. */
const BROADCASTS: readonly Address[] = [
  { family: 4, bytes: Uint8Array.of(127, 255, 255, 255) },
  { family: 4, bytes: Uint8Array.of(255, 255, 255, 255) },
];

/** 127.0.0.1 or ::1. */
export function isLocalhost(address: Address): boolean {
  return sameAddress(address, LOCALHOST[address.family]);
}

/** 127.0.0.6 or ::6: what the proxy binds to when it hands a request to its own application. */
export function isPassthrough(address: Address): boolean {
  return sameAddress(address, PASSTHROUGH[address.family]);
}

/** Of this host: what the kernel delivers by way of its loopback interface. */
export function isLocal(plan: Plan, address: Address): boolean {
  return isLoopback(address) ? !isBroadcast(plan, address) : kindOf(plan, address) === "local";
}

export function isBroadcast(plan: Plan, address: Address): boolean {
  return BROADCASTS.some((each) => sameAddress(each, address)) || kindOf(plan, address) === "broadcast";
}

export function isMulticast({ family, bytes }: Address): boolean {
  const first = bytes[0] ?? 0;
  return family === 4 ? first >> 4 === 0xe : first === 0xff;
}

/** The longest prefix decides, as in the kernel's table. */
function kindOf({ addresses }: Plan, address: Address): "local" | "broadcast" | undefined {
  const holding = addresses.filter(({ prefix }) => prefixContains(prefix, address));
  return holding.toSorted((a, b) => b.prefix.length - a.prefix.length)[0]?.kind;
}

/**
 * What the kernel makes of the unspecified destination, before anybody is asked: IPv4 takes the address that the
 * socket is bound to, and both take localhost.
 */
export function resolveUnspecified(to: Address, from: Address | undefined): Address {
  if (to.bytes.some((byte) => byte !== 0)) return to;
  if (from?.family !== 4) return LOCALHOST[to.family];
  const isBound = from.bytes.some((byte) => byte !== 0);
  return to.family === 4 && isBound ? from : LOCALHOST[4];
}

export function findHolding(prefixes: readonly Prefix[], address: Address): Prefix | undefined {
  return prefixes.find((prefix) => prefixContains(prefix, address));
}
