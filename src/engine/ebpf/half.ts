// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { requireCapabilities } from "../../host/capabilities.ts";
import { type Finding, finding, INSTALL_AGAIN } from "../finding.ts";
import { cookieOfPins, findHomes, findHomesOf } from "./find-homes.ts";
import type { Installed } from "./installed.ts";
import { listPinDirectories } from "./pin-directory.ts";
import { Predecessors } from "./predecessors.ts";
import type { InstanceRecord } from "./record.ts";
import { type InstanceStatus, readStatus } from "./status.ts";

/** What the pins of a network namespace say, also where they are no whole installation. */
export interface FoundPins {
  /** The one that counts first; more than one, on several bpffs, is the mark of a command that was killed. */
  readonly instances: readonly InstanceStatus[];
  /** Of directories that are no installation: half of one. */
  readonly findings: readonly Finding[];
}

/**
 * Looks on every bpffs, or on the one given. Changes nothing.
 *
 * @throws TproxyError CAPABILITY_MISSING
 */
export function readPins(netns: NetnsFact, bpffs: string | undefined): FoundPins {
  const cookie = cookieOfPins(netns, bpffs === undefined ? findHomes() : [bpffs]);
  if (cookie === undefined) return { instances: [], findings: [] };
  const all = bpffs === undefined ? findHomesOf(cookie) : [bpffs];
  const homes = all.filter((home) => listPinDirectories(home, cookie).length > 0);
  if (homes.length > 0) requireCapabilities("the eBPF engine", ["ebpf"]);
  const found = homes.map((home) => readHome(home, cookie));
  return {
    instances: found
      .flatMap(({ instances }) => instances)
      .sort((a, b) => b.generation - a.generation)
      .map(({ status }) => status),
    findings: found.flatMap(({ findings }) => findings),
  };
}

/**
 * The records of all that is there, whole or not: that of the installation that counts first, then the newest.
 *
 * @throws TproxyError CAPABILITY_MISSING
 */
export function readRecords(netns: NetnsFact): InstanceRecord[] {
  const cookie = cookieOfPins(netns);
  if (cookie === undefined) return [];
  const directories = findHomesOf(cookie).flatMap((home) => listPinDirectories(home, cookie));
  if (directories.length > 0) requireCapabilities("the eBPF engine", ["ebpf"]);
  using found = new Predecessors(directories);
  return found.all.map(({ record }) => record);
}

function readHome(home: string, cookie: bigint) {
  using found = new Predecessors(listPinDirectories(home, cookie));
  const { current, leftovers } = found;
  const instances = current === undefined ? [] : [current];
  return {
    instances: instances.map((each) => ({ generation: each.generation, status: readStatus(each) })),
    findings: leftovers.map(halfOf),
  };
}

function halfOf({ path }: Installed): Finding {
  const what = `an installation or its removal was under way and has not ended (${path})`;
  return finding("unfinished", what, INSTALL_AGAIN);
}
