// SPDX-License-Identifier: Apache-2.0
import type { Problem } from "../core/errors.ts";
import type { Config } from "./config.ts";
import { flagSource } from "./flag.ts";
import type { Layer } from "./layers.ts";
import { type SettingName, variableOf } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import { TRUE_WORDS } from "./values.ts";

const SOME: SettingName = "redirect.dns.enabled";
const ALL: SettingName = "redirect.dns.captureAll";

/**
 * `--redirect-dns` and `--redirect-all-dns-traffic` contradict each other, and so do their variables and their keys of two
 * files, in any combination. Both keys of one file do not: the ConfigMap of Kuma's control plane has both for all queries,
 * `enabled` for whether and `captureAll` for how much; a file over that one may repeat that it is enabled.
 *
 * @param layers what was given, a later one over an earlier one
 */
export function findBothDnsModes(
  { redirect: { dns } }: Config,
  layers: readonly Layer[],
): readonly Problem[] {
  if (!dns.enabled || !dns.captureAll) return [];
  const [some, all] = [SOME, ALL].map((key) => layers.findLast((layer) => layer.has(key)));
  if (some === undefined || all === undefined) return [];
  const isNotation = isOfFile(some, SOME) && isTrue(some, ALL);
  const isRepeated = isOfFile(some, SOME) && isOfFile(all, ALL) && isTrue(all, SOME);
  if (isNotation || isRepeated) return [];
  const message = `is for some name servers and ${sourceOf(all, ALL)} for all of them: give one of the two`;
  return [{ source: sourceOf(some, SOME), message }];
}

/** A file, and neither the environment nor the command line. */
function isOfFile(layer: Layer, key: SettingName): boolean {
  const source = sourceOf(layer, key);
  const setting = SETTINGS.find((each) => each.key === key);
  if (setting === undefined) return false;
  return source !== variableOf(setting) && !setting.flags.some((flag) => flagSource(flag) === source);
}

function isTrue(layer: Layer, key: SettingName): boolean {
  return TRUE_WORDS.includes(String(layer.get(key)?.value));
}

function sourceOf(layer: Layer, key: SettingName): string {
  return layer.get(key)?.source ?? key;
}
