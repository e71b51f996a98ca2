// Runs one function of the iptables engine in the service's namespace. Its arguments are the function's name and those
// of the function, as JSON. Prints lines of JSON: {"note": …} for what it says meanwhile, then {"value": …}, or {"error": …}.

import type { Config } from "../../src/config/config.ts";
import { TproxyError } from "../../src/core/errors.ts";
import { checkIptables } from "../../src/engine/iptables/check.ts";
import type { Executables } from "../../src/engine/iptables/executables.ts";
import { type FindOptions, findExecutables } from "../../src/engine/iptables/find-executables.ts";
import { probeModules } from "../../src/engine/iptables/modules.ts";
import { type RestoreOptions, restoreRules } from "../../src/engine/iptables/restore.ts";
import { saveRules } from "../../src/engine/iptables/save.ts";

const FUNCTIONS = {
  findExecutables: (options: FindOptions) => findExecutables(options),
  probeModules: (executables: Executables) => probeModules(executables),
  saveRules: (executables: Executables) => saveRules(executables),
  restoreRules: (executables: Executables, text: string, options: Omit<RestoreOptions, "note">) =>
    restoreRules(executables, text, { ...options, note: (note) => print({ note }) }),
  checkIptables: (config: Pick<Config, "iptablesExecutables" | "ipFamilyMode">) => checkIptables(config),
} as const;

export type Functions = typeof FUNCTIONS;

const [name = "", json = "[]"] = process.argv.slice(2);
const call = FUNCTIONS[name as keyof Functions] as (...args: unknown[]) => Promise<unknown>;
try {
  print({ value: (await call(...JSON.parse(json))) ?? null });
} catch (error) {
  if (!(error instanceof TproxyError)) throw error;
  const { code, message, hint } = error;
  print({ error: { code, message, hint } });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
