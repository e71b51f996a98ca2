// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../core/facts.ts";
import { bootId } from "../host/boot.ts";

/** What a file below /run is about: it counts in this boot and this network namespace only. */
export interface StateOwner {
  readonly bootId: string;
  readonly netns: { readonly inode: number; readonly cookie?: string };
}

export function stateOwner({ inode, cookie }: NetnsFact): StateOwner {
  return { bootId: bootId(), netns: cookie === undefined ? { inode } : { inode, cookie: String(cookie) } };
}

/** Inodes of namespaces are used again, cookies are not. */
export function isOwnedBy({ bootId: boot, netns }: StateOwner, wanted: NetnsFact): boolean {
  const owner = stateOwner(wanted);
  return boot === owner.bootId && JSON.stringify(netns) === JSON.stringify(owner.netns);
}
