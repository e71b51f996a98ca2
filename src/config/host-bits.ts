// SPDX-License-Identifier: Apache-2.0
import { formatAddress, maskPrefix, type Prefix, parsePrefix } from "../core/address.ts";
import type { Given, Layer } from "./layers.ts";
import type { ValueKind } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import { quote, splitList } from "./values.ts";

const MOST_NOTES = 10;

/**
 * Prefixes with bits behind their length (10.0.0.5/8) are read as kumactl and iptables read them, as the network that they
 * are in. Whoever meant one address has to know: a sentence for each, up to ten.
 */
export function noteHostBits(given: Layer): readonly string[] {
  const notes: string[] = [];
  for (const { key, kind } of SETTINGS) {
    const each = given.get(key);
    if (each === undefined || (kind !== "prefixes" && kind !== "networks")) continue;
    for (const text of textsOf(each, kind)) {
      const prefix = parsePrefix(text);
      if (prefix === undefined) continue;
      const masked = maskPrefix(prefix);
      if (masked !== prefix && notes.push(noteOf(each.source, text, masked)) === MOST_NOTES) return notes;
    }
  }
  return notes;
}

/** What is no text is refused elsewhere. */
function textsOf({ value }: Given, kind: ValueKind): readonly string[] {
  const texts = (Array.isArray(value) ? value : [value]).filter((text) => typeof text === "string");
  const items = texts.flatMap((text) => (text.includes(",") ? splitList(text) : text));
  const prefixes = kind === "networks" ? items.map((item) => item.slice(item.indexOf(":") + 1)) : items;
  return prefixes.filter((text) => text.includes("/"));
}

function noteOf(source: string, text: string, { address, length }: Prefix): string {
  return `${source}: ${quote(text)} has bits behind its length and is read as ${formatAddress(address)}/${length}`;
}
