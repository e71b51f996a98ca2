// SPDX-License-Identifier: Apache-2.0
import type { Given, Layer } from "./layers.ts";
import { findNearest } from "./nearest.ts";
import { ENV_PREFIX, variableOf } from "./setting.ts";
import { GIVABLES } from "./settings.ts";

/** What the variables say, and a warning for each that looks like one of them and is none. */
export function environmentLayer(variables: Readonly<Record<string, string | undefined>>): {
  readonly layer: Layer;
  readonly warnings: readonly string[];
} {
  const layer = new Map<(typeof GIVABLES)[number]["key"], Given>();
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(variables)) {
    if (!name.startsWith(ENV_PREFIX) || value === undefined) continue;
    const key = KEY_OF_VARIABLE.get(name);
    if (key === undefined) warnings.push(`the variable ${name} is not known${didYouMean(name)}`);
    else layer.set(key, { value, source: name });
  }
  return { layer, warnings };
}

const KEY_OF_VARIABLE = new Map(GIVABLES.map((setting) => [variableOf(setting), setting.key]));

function didYouMean(name: string): string {
  const known = [...KEY_OF_VARIABLE.keys()].map((each) => each.slice(ENV_PREFIX.length));
  const nearest = findNearest(name.slice(ENV_PREFIX.length), known);
  return nearest === undefined ? "" : `; did you mean ${ENV_PREFIX}${nearest}?`;
}
