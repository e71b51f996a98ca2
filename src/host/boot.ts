// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";

/** Of the kernel that runs: another one after each boot (random(4)). What a file says of another boot's state is void. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
