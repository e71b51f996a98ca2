// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { describeError, TproxyError } from "../core/errors.ts";
import { run } from "./exec.ts";

/** Where the administrator's units are. */
export const UNIT_DIRECTORY = "/etc/systemd/system";

/** sd_booted(3) */
export function isSystemdRunning(): boolean {
  return existsSync("/run/systemd/system");
}

export async function reloadUnits(): Promise<void> {
  await systemctl("daemon-reload");
}

export async function stopUnit(unit: string): Promise<void> {
  await systemctl("stop", unit);
}

async function systemctl(...args: readonly string[]): Promise<void> {
  try {
    await run("systemctl", args);
  } catch (cause) {
    throw new TproxyError("STORE_FAILED", `systemd refused: ${describeError(cause)}`, { cause });
  }
}
