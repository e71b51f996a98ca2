// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** @throws TproxyError NOT_ROOT */
export function requireRoot(command: string): void {
  if (isRoot()) return;
  throw new TproxyError("NOT_ROOT", `${command} changes the network namespace and has to be run as root`, {
    hint: command === "install" ? "--dry-run shows what it would do without." : "Run it with sudo.",
  });
}
