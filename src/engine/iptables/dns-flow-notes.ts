// SPDX-License-Identifier: Apache-2.0
import { describeError } from "../../core/errors.ts";
import type { WrongFlow } from "./wrong-flows.ts";

/** What the user should know of flows of DNS queries, one sentence each. */

export const WITHOUT_CTNETLINK =
  "the kernel lacks ctnetlink (module nf_conntrack_netlink): a UDP socket that asks for DNS without a pause of half a " +
  "minute may go on asking where it asked before";

/** A socket may have asked several servers, and who is gone asks nobody: what is counted is who goes on asking. */
export function noteForgotten(forgotten: readonly WrongFlow[]): string[] {
  const askers = forgotten.map(({ asker }) => asker);
  const sockets = new Set(askers.filter((asker) => typeof asker !== "string")).size;
  const forwarded = askers.filter((asker) => asker === "another host").length;
  return [...noteSockets(sockets), ...noteForwarded(forwarded)];
}

function noteSockets(count: number): string[] {
  if (count === 0) return [];
  const which = count === 1 ? "1 UDP socket that was" : `${count} UDP sockets that were`;
  return [`${which} asking for DNS already will ask the right one from now on`];
}

function noteForwarded(count: number): string[] {
  if (count === 0) return [];
  const which = count === 1 ? "1 flow" : `${count} flows`;
  return [`${which} of DNS queries from other hosts will go to the right one from now on`];
}

/** `errnos`: the names of why conntrack would not forget, of each flow. */
export function noteRefused(errnos: readonly string[]): string[] {
  if (errnos.length === 0) return [];
  const which = errnos.length === 1 ? "1 flow" : `${errnos.length} flows`;
  const why = [...new Set(errnos)].join(", ");
  return [
    `having who asks for DNS already ask the right one: conntrack would not forget ${which} (${why}); ${LEFT}`,
  ];
}

export function noteBroken(error: unknown): string {
  return `having who asks for DNS already ask the right one failed: ${describeError(error)}; ${LEFT}`;
}

const LEFT =
  "a UDP socket that asks without a pause of two minutes may go on asking where it asked before: " +
  "restart what it belongs to, or repeat this command";
