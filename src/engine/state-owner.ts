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

/**
 * Inodes of namespaces are used again, cookies are not. Before Linux 5.14 not every command is told the cookie: where one
 * does not know it, the inode must do.
 */
export function isOwnedBy({ bootId: boot, netns }: StateOwner, wanted: NetnsFact): boolean {
  const owner = stateOwner(wanted);
  if (boot !== owner.bootId || netns.inode !== owner.netns.inode) return false;
  const cookies = [netns.cookie, owner.netns.cookie];
  return cookies.includes(undefined) || netns.cookie === owner.netns.cookie;
}
