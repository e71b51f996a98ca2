// SPDX-License-Identifier: Apache-2.0

import { AUXILIARIES, type Auxiliary } from "./auxiliary.ts";
import type { Flag } from "./flag.ts";
import type { Setting, SettingName } from "./setting.ts";
import { DNS_SETTINGS } from "./settings/dns.ts";
import { EBPF_SETTINGS } from "./settings/ebpf.ts";
import { GENERAL_SETTINGS } from "./settings/general.ts";
import { IPTABLES_SETTINGS } from "./settings/iptables.ts";
import { REDIRECT_SETTINGS } from "./settings/redirect.ts";

/** Every setting, in the order of the help text. A test holds this table and the schema together. */
export const SETTINGS: readonly Setting[] = [
  ...GENERAL_SETTINGS,
  ...REDIRECT_SETTINGS,
  ...DNS_SETTINGS,
  ...EBPF_SETTINGS,
  ...IPTABLES_SETTINGS,
];

/** All that can be given: what is a setting here, and what is one with kumactl only. */
export const GIVABLES: readonly (Setting | Auxiliary)[] = [...SETTINGS, ...AUXILIARIES];

/** The default of a setting, as a user would write it. */
export function defaultOf(key: SettingName): string {
  const setting = SETTINGS.find((candidate) => candidate.key === key);
  if (setting === undefined) throw new Error(`no setting ${key}`);
  return setting.default;
}

/** The flag that a setting is usually given by. */
export function mainFlagOf(key: SettingName): Flag {
  const flag = SETTINGS.find((candidate) => candidate.key === key)?.flags[0];
  if (flag === undefined) throw new Error(`no flag for ${key}`);
  return flag;
}
