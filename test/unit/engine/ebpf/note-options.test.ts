import { expect, test } from "vitest";
import { resolveConfig } from "../../../../src/config/resolve-config.ts";
import type { SettingName } from "../../../../src/config/setting.ts";
import { mainFlagOf } from "../../../../src/config/settings.ts";
import { noteOptionsWithoutMeaning } from "../../../../src/engine/ebpf/note-options.ts";

const WITHOUT_MEANING: readonly SettingName[] = [
  "dropInvalidPackets",
  "log.enabled",
  "redirect.dns.skipConntrackZoneSplit",
  "redirect.inbound.insertRedirectInsteadOfAppend",
  "redirect.outbound.insertRedirectInsteadOfAppend",
];

function configWith(...keys: readonly SettingName[]) {
  const layer = new Map(keys.map((key) => [key, { value: "true", source: key }] as const));
  return resolveConfig([layer]).config;
}

test("by default there is nothing to be said", () => {
  expect(noteOptionsWithoutMeaning(configWith())).toEqual([]);
});

test.each(WITHOUT_MEANING)("%s is answered with one line, by its flag", (key) => {
  const notes = noteOptionsWithoutMeaning(configWith(key));
  expect(notes).toEqual([expect.stringContaining(`--${mainFlagOf(key).name} has no meaning with eBPF`)]);
});

test("each has its line", () => {
  expect(noteOptionsWithoutMeaning(configWith(...WITHOUT_MEANING))).toHaveLength(WITHOUT_MEANING.length);
});
