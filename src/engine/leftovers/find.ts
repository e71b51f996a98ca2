// SPDX-License-Identifier: Apache-2.0
import { readNetwork } from "../../host/interfaces.ts";
import { findCgroupPrograms } from "./find-cgroup-programs.ts";
import { findFilters } from "./find-filters.ts";
import { findGone } from "./find-gone.ts";
import { findPins } from "./find-pins.ts";
import { findSocketMapPrograms } from "./find-socket-map-programs.ts";
import type { Leftover } from "./leftover.ts";

/**
 * What merbridge and Kuma's eBPF engine left, and what is left of our own installations in network namespaces that are
 * gone: on the cgroups and BPF file systems that are mounted here, and on the interfaces of this network namespace. In the
 * order in which it is to be taken away. Changes nothing; needs root.
 */
export function findLeftovers(): Leftover[] {
  const programs = findCgroupPrograms();
  const pins = findPins();
  const filters = findFilters(readNetwork().interfaces);
  return [...programs, ...filters, ...findSocketMapPrograms([...programs, ...pins]), ...pins, ...findGone()];
}
