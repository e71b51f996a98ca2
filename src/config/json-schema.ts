// SPDX-License-Identifier: Apache-2.0
import { FILE_SETTINGS } from "./files/known-keys.ts";
import { fileKeyOf, type Setting } from "./setting.ts";
import { VALUE_KINDS } from "./value-kinds.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON schema of a configuration file. It is for editors, so that it says the kinds of values, not all of their limits. */
export function configJsonSchema(): JsonObject {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of tproxyctl",
    ...tableSchema(FILE_SETTINGS.map((setting) => ({ path: fileKeyOf(setting).split("."), setting }))),
  };
}

interface Entry {
  readonly path: readonly string[];
  readonly setting: Setting<string>;
}

function tableSchema(entries: readonly Entry[]): JsonObject {
  const names = [...new Set(entries.map(({ path }) => path[0] ?? ""))];
  const properties = names.map((name) => {
    const below = entries.filter(({ path }) => path[0] === name);
    const leaf = below.find(({ path }) => path.length === 1);
    const rest = below.map(({ path, setting }) => ({ path: path.slice(1), setting }));
    return [name, leaf === undefined ? tableSchema(rest) : settingSchema(leaf.setting)] as const;
  });
  return {
    type: ["object", "null"],
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

function settingSchema(setting: Setting<string>): JsonObject {
  const description = describeSetting(setting);
  const { schema } = VALUE_KINDS[setting.kind];
  const branches = Array.isArray(schema.anyOf) ? schema.anyOf : [schema];
  return { description, default: defaultValue(setting), anyOf: [...branches, { type: "null" }] };
}

/** Not in quotes where it is no text. */
function defaultValue({ kind, default: text }: Setting<string>): unknown {
  if (kind === "boolean") return text === "true";
  return kind === "port" || kind === "number" ? Number(text) : text;
}

/** What a setting is for, in the words of its flag. */
export function describeSetting(setting: Setting<string>): string {
  return setting.meaning ?? setting.flags[0]?.help ?? "";
}
