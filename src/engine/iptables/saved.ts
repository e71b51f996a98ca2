// SPDX-License-Identifier: Apache-2.0

/*
 * What `iptables-save` says of one family. The texts are iptables' own, so what is made of them goes back to it
 * unchanged.
 */

export interface SavedRule {
  readonly chain: string;
  /** Its place in its chain, from 1 on. */
  readonly position: number;
  /** What follows `-A CHAIN `, as iptables-save wrote it, quotes included. */
  readonly spec: string;
}

export interface SavedTable {
  readonly name: string;
  /** Names of all chains, in the order of the text; a built-in one has a policy. */
  readonly chains: readonly { readonly name: string; readonly policy: string | undefined }[];
  readonly rules: readonly SavedRule[];
}

export interface Snapshot {
  readonly tables: readonly SavedTable[];
  /** Tables that hold rules which iptables cannot write down, made with `nft`: it must not change those. */
  readonly incompatible: readonly string[];
}
