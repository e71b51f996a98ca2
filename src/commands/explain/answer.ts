// SPDX-License-Identifier: Apache-2.0
import type { SettingKey } from "../../config/config.ts";
import { mainFlagOf, SETTINGS } from "../../config/settings.ts";
import type { Connection } from "../../plan/decide.ts";
import type { WithoutProxy } from "../../plan/decide-proxy-down.ts";
import type { Decision } from "../../plan/decide-result.ts";
import type { Basis } from "./basis.ts";

export interface Answer {
  readonly basis: Basis;
  readonly connection: Connection;
  readonly decision: Decision;
  /** Undefined for what does not go to the proxy. */
  readonly withoutProxy: WithoutProxy | undefined;
}

/** Where the value of a setting came from; undefined for what is installed, which no longer knows. */
export function sourceOf(key: SettingKey, { sources }: Basis): string | undefined {
  return sources.get(key as Parameters<typeof sources.get>[0]);
}

/** What a user would change; undefined where only files and the environment can. */
export function flagOf(key: SettingKey): string | undefined {
  const setting = SETTINGS.find((each) => each.key === key);
  if (setting === undefined || setting.flags.length === 0) return undefined;
  return `--${mainFlagOf(setting.key).name}`;
}
