// Runs in the service's namespace, as root, and installs what each line of its input says: the settings as JSON. It
// answers with the plan. One process for all of them, since to start one takes longer than what it does.

import { createInterface } from "node:readline";
import { runInstall } from "../../../src/commands/install.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import type { SettingName } from "../../../src/config/setting.ts";
import { describeError } from "../../../src/core/errors.ts";
import { readHostFacts } from "../../../src/engine/host-facts.ts";
import { makePlan } from "../../../src/plan/make-plan.ts";
import { planToJson } from "../../../src/plan/plan-json.ts";

const OPTIONS = { force: false, confirmWithinMs: undefined, storeSystemd: false, stored: false } as const;

async function install(settings: Readonly<Record<SettingName, unknown>>): Promise<unknown> {
  const layer = new Map(
    Object.entries(settings).map(([key, value]) => [key as SettingName, { value, source: key }]),
  );
  const { config } = resolveConfig([layer]);
  const plan = planToJson(makePlan(config, await readHostFacts(config)));
  const notes: string[] = [];
  const status = await runInstall(
    config,
    OPTIONS,
    { out: () => {}, note: (line) => notes.push(line) },
    () => new AbortController().signal,
  );
  return { status, plan, notes };
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await install(JSON.parse(line)).catch((error: unknown) => ({ error: describeError(error) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
