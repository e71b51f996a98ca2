// SPDX-License-Identifier: Apache-2.0
import type { Config } from "./config.ts";
import type { Given } from "./layers.ts";
import { resolveConfig } from "./resolve-config.ts";
import type { SettingName } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import type { WrittenConfig, WrittenValue } from "./written-config.ts";

/** What messages call the place that its values came from. */
const SOURCE = "the configuration that was kept";

/**
 * The configuration that `writeConfig` wrote. A setting that it does not have, as one that a newer version added, is at
 * its default; one that this version does not know is left out.
 *
 * @throws ConfigError where this version does not take a value: another one wrote it
 */
export function configOfWritten(written: WrittenConfig): Config {
  const layer = new Map<SettingName, Given>();
  for (const { key } of SETTINGS) {
    const value = written[key];
    if (value !== undefined) layer.set(key, { value: asGiven(value), source: `${SOURCE}: ${key}` });
  }
  return resolveConfig([layer]).config;
}

/** A table stands for a list of NAME:VALUE, as the flag has it. */
function asGiven(value: WrittenValue): unknown {
  const isTable = typeof value === "object" && !Array.isArray(value);
  return isTable ? Object.entries(value).map(([name, path]) => `${name}:${path}`) : value;
}
