// SPDX-License-Identifier: Apache-2.0
import type { AuxiliaryName } from "./auxiliary.ts";
import { type Flag, flagSource, type GivenFlag } from "./flag.ts";
import type { SettingName } from "./setting.ts";
import { GIVABLES, SETTINGS } from "./settings.ts";

/** A value as it was given, not yet read, and what messages call the place it came from. */
export interface Given {
  readonly value: unknown;
  /** `--flag`, `FILE:key (line N)`, `VARIABLE` or "default". */
  readonly source: string;
}

/** What one place (a file, the environment, the command line) says about some of the settings. */
export type Layer = ReadonlyMap<SettingName | AuxiliaryName, Given>;

/** Lays later layers over earlier ones. A value replaces the one below it whole, lists as well. */
export function mergeLayers(layers: readonly Layer[]): Layer {
  return new Map(layers.flatMap((layer) => [...layer]));
}

export function defaultLayer(): Layer {
  return new Map(SETTINGS.map(({ key, default: value }) => [key, { value, source: "default" }]));
}

/** What the command line says: the last of a setting's flags counts, unless their values add up. */
export function flagLayer(given: readonly GivenFlag[]): Layer {
  const layer = new Map<SettingName | AuxiliaryName, Given>();
  for (const { flag, text } of given) {
    const setting = KEY_OF_FLAG.get(flag.name);
    if (setting === undefined) continue; // a flag without effect
    const value = setting.flag.toValue === undefined ? text : setting.flag.toValue(text);
    if (value === undefined) continue;
    const earlier = flag.repeatable === true ? layer.get(setting.key) : undefined;
    layer.set(setting.key, addTo(earlier, flag, value));
  }
  return layer;
}

const KEY_OF_FLAG = new Map(
  GIVABLES.flatMap(({ key, flags }) => flags.map((flag) => [flag.name, { key, flag }] as const)),
);

function addTo(earlier: Given | undefined, flag: Flag, text: string): Given {
  const source = flagSource(flag);
  if (flag.repeatable !== true) return { value: text, source };
  if (earlier === undefined || !Array.isArray(earlier.value)) return { value: [text], source };
  // Once in a while the same setting is given by an old flag and a new one: the message must name both.
  const sources = earlier.source.split(", ");
  return {
    value: [...earlier.value, text],
    source: sources.includes(source) ? earlier.source : [...sources, source].join(", "),
  };
}
