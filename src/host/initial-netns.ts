// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import type { NetnsFact } from "../core/facts.ts";

/**
 * Whether a network namespace is that of the first process, in which a host's services start. In a container that has
 * process numbers of its own, that is the container's. False where that process cannot be looked at.
 */
export function isInitialNetns({ inode }: Pick<NetnsFact, "inode">): boolean {
  try {
    return statSync("/proc/1/ns/net").ino === inode;
  } catch {
    // Whatever keeps us from it: nobody knows whose services would start there.
    return false;
  }
}
