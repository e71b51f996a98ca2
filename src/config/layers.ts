// SPDX-License-Identifier: Apache-2.0
import { flagSource, type GivenFlag } from "./flag.ts";
import type { SettingName } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** A value as it was given, not yet read, and what messages call the place it came from. */
export interface Given {
  readonly value: unknown;
  /** `--flag`, `file:key`, `VARIABLE` or "default". */
  readonly source: string;
}

/** What one place (a file, the environment, the command line) says about some of the settings. */
export type Layer = ReadonlyMap<SettingName, Given>;

/** Lays later layers over earlier ones. A value replaces the one below it whole, lists as well. */
export function mergeLayers(layers: readonly Layer[]): Layer {
  return new Map(layers.flatMap((layer) => [...layer]));
}

export function defaultLayer(): Layer {
  return new Map(SETTINGS.map(({ key, default: value }) => [key, { value, source: "default" }]));
}

/** What the command line says: the last of a setting's flags counts, unless their values add up. */
export function flagLayer(given: readonly GivenFlag[]): Layer {
  const layer = new Map<SettingName, Given>();
  for (const { flag, text } of given) {
    const setting = SETTINGS.find((candidate) => candidate.flags.some(({ name }) => name === flag.name));
    if (setting === undefined) continue; // a flag without effect
    const earlier = flag.repeatable === true ? textsOf(layer.get(setting.key)) : [];
    const value = flag.repeatable === true ? [...earlier, text] : text;
    layer.set(setting.key, { value, source: flagSource(flag) });
  }
  return layer;
}

function textsOf(given: Given | undefined): readonly unknown[] {
  return Array.isArray(given?.value) ? given.value : [];
}
