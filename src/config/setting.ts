// SPDX-License-Identifier: Apache-2.0
import type { SettingKey } from "./config.ts";
import type { Flag } from "./flag.ts";

/** One setting: where it stands in the configuration, what it is by itself, and how it is given. */
export interface Setting {
  readonly key: SettingName;
  /** In the form that a user would write; the schema reads it as it reads any other. */
  readonly default: string;
  /** All of its flags; the first is the one to use. Some settings have none and come from files alone. */
  readonly flags: readonly Flag[];
}

/** Every path in the configuration that is a value of its own. The executables are one value, a table by name. */
export type SettingName = SettingKey | "iptablesExecutables";
