// SPDX-License-Identifier: Apache-2.0
import { OBJECT_ABI } from "../../bpf/layouts.gen.ts";
import { type Finding, finding, INSTALL_AGAIN } from "../finding.ts";
import type { Installed } from "./installed.ts";
import { chooseMaps, READ_ONLY_DATA } from "./maps.ts";
import { mapPin, programPin } from "./pin-directory.ts";

/**
 * Pins that are gone. The programs go on: each keeps its maps. The next installation cannot go on with what was
 * known of connections. That of a link is not among them: with it the program is detached.
 */
export function pinFindings(installed: Installed): Finding[] {
  if (installed.isForeign) return []; // other names
  const missing = [...missingMaps(installed), ...missingPrograms(installed)];
  if (missing.length === 0) return [];
  const what = missing.length === 1 ? "a pin is" : "pins are";
  return [
    finding("pin-missing", `${what} gone from ${installed.path}: ${missing.join(", ")}`, INSTALL_AGAIN),
  ];
}

/** What is there without a record that can be read: its hooks are seen, what they are to do is not. */
export function damageFinding({ damage }: Installed): Finding[] {
  return damage === undefined ? [] : [finding("record-damaged", damage.message, INSTALL_AGAIN)];
}

/** Another version pinned other maps. */
function missingMaps(installed: Installed): string[] {
  const { abi, hooks } = installed.record;
  if (abi !== OBJECT_ABI) return [];
  const there = installed.mapNames().map(mapPin);
  return [...chooseMaps(hooks).needed, READ_ONLY_DATA].map(mapPin).filter((pin) => !there.includes(pin));
}

function missingPrograms(installed: Installed): string[] {
  const there = installed.programNames();
  const programs = new Set(installed.record.hooks.map(({ program }) => program));
  return [...programs].filter((name) => !there.includes(name)).map(programPin);
}
