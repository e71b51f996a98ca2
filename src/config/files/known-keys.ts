// SPDX-License-Identifier: Apache-2.0
import { AUXILIARIES, type AuxiliaryName } from "../auxiliary.ts";
import { fileKeyOf, type SettingName, type ValueKind } from "../setting.ts";
import { SETTINGS } from "../settings.ts";

/** A table of a file, with what may be in it by its names in lower case: kumactl does not tell upper case from lower. */
export type KnownTable = ReadonlyMap<string, KnownKey>;

export interface KnownKey {
  readonly name: string;
  /** A table of further keys, or a setting. */
  readonly is: KnownTable | KnownSetting;
}

export interface KnownSetting {
  readonly setting: SettingName | AuxiliaryName;
  readonly kind: ValueKind;
}

/** All that a file may set. */
export const FILE_SETTINGS = [
  ...SETTINGS,
  ...AUXILIARIES.filter(({ variableOnly }) => variableOnly !== true),
];

/** The keys of a whole file. */
export const KNOWN_KEYS: KnownTable = tableOf(
  FILE_SETTINGS.map((setting) => ({
    path: fileKeyOf(setting).split("."),
    is: { setting: setting.key, kind: setting.kind },
  })),
);

interface Entry {
  readonly path: readonly string[];
  readonly is: KnownSetting;
}

function tableOf(entries: readonly Entry[]): KnownTable {
  const names = [...new Set(entries.map(({ path }) => path[0] ?? ""))];
  return new Map(
    names.map((name) => {
      const below = entries.filter(({ path }) => path[0] === name);
      const leaf = below.find(({ path }) => path.length === 1)?.is;
      const is = leaf ?? tableOf(below.map((entry) => ({ ...entry, path: entry.path.slice(1) })));
      return [name.toLowerCase(), { name, is }];
    }),
  );
}
