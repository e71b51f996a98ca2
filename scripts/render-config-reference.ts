// The reference page of the configuration, made of the table of settings (src/config/settings.ts), so that it cannot
// fall behind.

import { AUXILIARIES, type Auxiliary } from "../src/config/auxiliary.ts";
import { CONFIG, CONFIG_FILE } from "../src/config/files/config-sources.ts";
import type { Flag } from "../src/config/flag.ts";
import { describeSetting } from "../src/config/json-schema.ts";
import { FLAGS_WITHOUT_EFFECT } from "../src/config/old-flags.ts";
import { fileKeyOf, type Setting, variableOf } from "../src/config/setting.ts";
import { SETTINGS } from "../src/config/settings.ts";
import { VALUE_KINDS } from "../src/config/value-kinds.ts";

export function renderConfigReference(): string {
  return `${INTRODUCTION}
## Settings

${table(["flag", "key in a file", "variable", "value", "default", "meaning"], SETTINGS.map(settingRow))}

## What kumactl has beside them

Taken, so that nothing has to be rewritten.

${table(["flag", "key in a file", "variable", "value", "meaning"], AUXILIARIES.map(auxiliaryRow))}

## Old flags

Flags of kumactl 1.0 to 2.8 (and \`--${CONFIG_FILE.name}\`). They are taken, and a note says what is in their place.

${table(
  ["flag", "note"],
  [CONFIG_FILE, ...oldFlags(), ...FLAGS_WITHOUT_EFFECT].map((flag) => [
    code(flagTerm(flag)),
    flag.deprecated ?? flag.help,
  ]),
)}
`;
}

const INTRODUCTION = `<!-- Made by scripts/gen-config-reference.ts from src/config: change it there. -->
# Configuration

Every setting can be given in three ways: in a file, in the environment, and by a flag. Over the defaults lie the files
in the order they are given, over them the environment, over that the flags. A value replaces the one below it whole,
lists as well. \`tproxyctl config show\` with the same options prints the result, and where each value came from; all
problems are reported at once, each with the place of its value, before anything is changed.

- \`--${CONFIG.name} FILE\`: YAML or JSON, up to 4 MiB, in UTF-8; \`-\` for stdin; may be given again, and take several files
  with commas between them. As Kuma 2.9 and 2.10 do, the text itself may stand in the file's place. Keys are as in the
  table, a dot for each level; upper and lower case count for nothing. A key that is not known is a warning, which says the
  nearest that is. What is \`null\` is not given. \`tproxyctl config schema\` prints the JSON schema.
- Variables count always, whether there is a file or not. An empty one is as an empty flag: an empty list or text.
- Lists may be written as a list, as a text with commas, and lists of ports as one number. Rules for users
  (\`PROTOCOL:PORTS:UIDS\`) have commas inside them: in one text they have \`;\` between them. What is no rule as a whole is
  read with the commas between rules, as kumactl reads its variables.
- Numbers stand in plain decimal digits: no leading zeros, no \`0x\`.
- \`/tmp/kuma-ebpf\` and \`/kuma/ebpf\`, where kumactl writes its own eBPF programs, stand for the objects of the package.
- \`--redirect-dns\` and \`--redirect-all-dns-traffic\` together are an error, wherever they come from: flags, variables,
  files. Only the two keys of one file are none: there \`enabled\` says whether and \`captureAll\` how much, as in the
  ConfigMap of Kuma's control plane, and both together mean all.
`;

function settingRow(setting: Setting): string[] {
  const { words } = VALUE_KINDS[setting.kind];
  return [
    flagOf(setting),
    code(fileKeyOf(setting)),
    code(variableOf(setting)),
    words,
    setting.default === "" ? (setting.flags[0]?.defaultText ?? "") : code(setting.default),
    describeSetting(setting),
  ];
}

function auxiliaryRow(setting: Auxiliary): string[] {
  const key = setting.variableOnly === true ? "" : code(fileKeyOf(setting));
  const { words } = VALUE_KINDS[setting.kind];
  return [flagOf(setting), key, code(variableOf(setting)), words, describeSetting(setting)];
}

/** The flags that a setting has beside the one to use. */
function oldFlags(): readonly Flag[] {
  return SETTINGS.flatMap(({ flags }) => flags.filter(({ deprecated }) => deprecated !== undefined));
}

function flagOf(setting: Setting<string>): string {
  const [flag] = setting.flags;
  return flag === undefined ? "" : code(`--${flag.name}`);
}

function flagTerm(flag: Flag): string {
  return flag.argument === undefined ? `--${flag.name}` : `--${flag.name} ${flag.argument}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
