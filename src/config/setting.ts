// SPDX-License-Identifier: Apache-2.0
import type { SettingKey } from "./config.ts";
import type { Flag } from "./flag.ts";

/** One setting: where it stands in the configuration, what it is by itself, and all the ways to give it. */
export interface Setting<Key extends string = SettingName> {
  readonly key: Key;
  /** Its path in a configuration file, where that is not its key. */
  readonly fileKey?: string;
  /** The name of its environment variable behind {@link ENV_PREFIX}. */
  readonly env: string;
  readonly kind: ValueKind;
  /** In the form that a user would write; the schema reads it as it reads any other. */
  readonly default: string;
  /** All of its flags; the first is the one to use. Some settings have none. */
  readonly flags: readonly Flag[];
  /** What it is for, where no flag's help says it. */
  readonly meaning?: string;
}

export const ENV_PREFIX = "KUMA_TRANSPARENT_PROXY_";

/** Every path in the configuration that is a value of its own. The executables are one value, a table by name. */
export type SettingName = SettingKey | "iptablesExecutables";

/** How a value is written: what the reference page and the JSON schema say of it. */
export type ValueKind =
  | "boolean"
  | "port"
  | "number"
  | "ports"
  | "text"
  | "path"
  | "user"
  | "mode"
  | "engine"
  | "proxyDown"
  | "addresses"
  | "prefixes"
  | "rules"
  | "networks"
  | "executables"
  | "duration";

/** How files and messages about them call a setting. */
export function fileKeyOf(setting: Setting<string>): string {
  return setting.fileKey ?? setting.key;
}

export function variableOf(setting: Setting<string>): string {
  return `${ENV_PREFIX}${setting.env}`;
}
