// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { BpfLink } from "../../bpf/link.ts";
import { removeLoopbackAddress } from "../../host/addresses.ts";
import { PASSTHROUGH_ADDRESS } from "../../plan/plan.ts";
import { detachFilter } from "./filter.ts";
import { type Hook, hookKey, isAnswering } from "./hooks.ts";
import type { Installed, InstalledLink } from "./installed.ts";
import { allPins } from "./pin-directory.ts";
import { settle, settleHandshakes } from "./settle.ts";

/** Who goes on with part of what is detached. */
export interface Survivor {
  readonly record: Pick<Installed["record"], "filters" | "addedPassthroughAddress">;
  /** The kernel's ids of its links. */
  readonly linkIds: ReadonlySet<number>;
  /** The kernel's ids of its maps. */
  readonly mapIds: ReadonlySet<number>;
}

/**
 * Detaches installations; what `survivor` has too stays. In the opposite of the order in which they came, and none of them
 * before a connection that it began has come to its end:
 * 1. what redirects;
 * 2. when no handshake is under way that it began, sk_lookup, which brings these to the proxy;
 * 3. when the proxy has been told of them, what answers.
 *
 * Detached is detached at once; removing a pin alone leaves that to the kernel's own time.
 */
export async function detachInstallations(
  gone: readonly Installed[],
  survivor?: Survivor,
  keepPassthroughAddress = false,
): Promise<void> {
  for (const each of gone) detachFilters(each, survivor);
  for (const each of gone) detachLinks(each, survivor, "redirecting");
  const answered = gone.filter((each) => linksToDetach(each, survivor).some(isNeededForHandshakes));
  for (const each of answered) await settleHandshakes(handshakesOf(each, survivor));
  for (const each of gone) detachLinks(each, survivor, "steering");
  await settle(answered.map(({ record }) => record));
  for (const each of gone) detachLinks(each, survivor, "answering");
  const isOurs = gone.some(({ record }) => record.addedPassthroughAddress);
  const isKept = keepPassthroughAddress || survivor?.record.addedPassthroughAddress === true;
  if (isOurs && !isKept) removeLoopbackAddress(PASSTHROUGH_ADDRESS);
}

/** All links in a directory of pins, at once: nobody is served by them any more. */
export function detachPinned(directory: string): void {
  for (const pin of allPins(directory)) {
    using link = BpfLink.openIf(join(directory, pin));
    link?.detach();
  }
}

function detachFilters({ record }: Installed, survivor: Survivor | undefined): void {
  for (const filter of record.filters) {
    if (survivor?.record.filters.some(({ index }) => index === filter.index) !== true) detachFilter(filter);
  }
}

type Part = "redirecting" | "steering" | "answering";

function detachLinks(installed: Installed, survivor: Survivor | undefined, part: Part): void {
  const order = installed.record.hooks.map(hookKey);
  // One that the record does not know comes first.
  const rank = ({ key }: InstalledLink) => (order.includes(key) ? order.indexOf(key) : order.length);
  const links = linksToDetach(installed, survivor).filter((link) => partOf(installed, link) === part);
  for (const { link } of links.toSorted((a, b) => rank(b) - rank(a))) link.detach();
}

function linksToDetach(installed: Installed, survivor: Survivor | undefined): InstalledLink[] {
  return installed.links().filter(({ info }) => survivor?.linkIds.has(info.id) !== true);
}

function partOf({ record }: Installed, { key }: InstalledLink): Part {
  const hook = record.hooks.find((each) => hookKey(each) === key);
  if (hook?.kind === "netns") return "steering";
  return hook !== undefined && isAnswering(hook) ? "answering" : "redirecting";
}

const NEEDED: readonly string[] = (
  [
    { kind: "cgroup", program: "tp_sockops", hook: "sockops" },
    { kind: "cgroup", program: "tp_getsockopt", hook: "getsockopt" },
    { kind: "netns", program: "tp_lookup" },
  ] satisfies Hook[]
).map(hookKey);

/** Without it, connections would get lost that are being made. Of the others an application or a query would notice. */
function isNeededForHandshakes({ key }: InstalledLink): boolean {
  return NEEDED.includes(key);
}

/** Undefined where others go on to add to it: it may never be empty. */
function handshakesOf(installed: Installed, survivor: Survivor | undefined) {
  const map = installed.findMap("tp_handshakes");
  return map === undefined || survivor?.mapIds.has(map.info.id) === true ? undefined : map;
}
