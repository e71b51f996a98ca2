// What is compared with what.

import { LEGACY, NFT, SK_LOOKUP, TC } from "../test/conformance/ways.ts";
import type { World } from "../test/support/world.ts";

export interface Candidate {
  readonly name: string;
  /** The flags of `tproxyctl install`; undefined: nothing is installed. */
  readonly flags: readonly string[] | undefined;
}

export const DIRECT: Candidate = { name: "direct", flags: undefined };

/** As "direct": what one seems to differ from the other is what the measurement cannot tell from nothing. */
export const DIRECT_AGAIN: Candidate = { name: "direct again", flags: undefined };

export const IPTABLES_NFT: Candidate = { name: "iptables-nft", flags: NFT.flags };
export const IPTABLES_LEGACY: Candidate = { name: "iptables-legacy", flags: LEGACY.flags };
export const EBPF: Candidate = { name: "eBPF", flags: SK_LOOKUP.flags };
export const EBPF_TC: Candidate = { name: "eBPF, tc", flags: TC.flags };

export const CANDIDATES: readonly Candidate[] = [
  DIRECT,
  DIRECT_AGAIN,
  IPTABLES_NFT,
  IPTABLES_LEGACY,
  EBPF,
  EBPF_TC,
];

export function isIntercepting({ flags }: Candidate): boolean {
  return flags !== undefined;
}

export async function install(world: World, { flags }: Candidate, ...more: readonly string[]): Promise<void> {
  if (flags !== undefined) await world.install(...flags, ...more);
}
