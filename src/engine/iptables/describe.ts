// SPDX-License-Identifier: Apache-2.0
import { describeError, TproxyError } from "../../core/errors.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Description } from "../engine.ts";
import { contextOf, noteDocker, styleOf } from "./context.ts";
import type { Executables } from "./executables.ts";
import { isInstallation } from "./keep-connections.ts";
import { look, type Present } from "./look.ts";
import type { MakeRules } from "./make-rules.ts";
import { familiesOf, type IptablesConfig, prepare, type Tools } from "./prepare.ts";
import { renderDryRun } from "./render.ts";

/**
 * The text that is applied where nothing of ours is yet, in kumactl's layout. Over an installation, lines that remove its
 * rules come before it, which a note says. Also without iptables, and without root:
 * then with what that leaves open said in the notes.
 */
export async function describePlan(
  plan: Plan,
  config: IptablesConfig,
  make: MakeRules,
): Promise<Description> {
  const tools = await tryToPrepare(plan, config);
  const modules = tools.modules ?? { comments: false, zones: false };
  const present = await lookAsFarAsPossible(tools.executables);
  const all = familiesOf(plan).map((family) => {
    const snapshot = present.rules.find(({ executables }) => executables.family === family)?.snapshot;
    return make(plan, family, contextOf(plan, config, modules, snapshot));
  });
  const sets = all.filter(({ tables }) => tables.length > 0);
  const text = renderDryRun(sets, styleOf(config, modules)).trimEnd().split("\n");
  const docker = present.rules.flatMap(({ snapshot }) => noteDocker(plan, config, snapshot));
  return { text, notes: [...tools.notes, ...present.notes, ...new Set(docker)] };
}

interface FoundTools {
  readonly executables: readonly Executables[];
  readonly modules: Tools["modules"] | undefined;
  readonly notes: readonly string[];
}

async function tryToPrepare(plan: Plan, config: IptablesConfig): Promise<FoundTools> {
  try {
    return await prepare(plan, config);
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code !== "IPTABLES_UNUSABLE") throw error;
    const what = "install would fail here; the rules below are without comments and without conntrack zones";
    return {
      executables: [],
      modules: undefined,
      notes: [`${error.message}: ${what}. ${error.hint ?? ""}`.trim()],
    };
  }
}

/** Only root may read rules. */
async function lookAsFarAsPossible(
  executables: readonly Executables[],
): Promise<{ readonly rules: readonly Present[]; readonly notes: readonly string[] }> {
  try {
    const rules = await Promise.all(executables.map((each) => look(each, [])));
    const replaced = rules.some(isInstallation);
    return {
      rules,
      notes: replaced
        ? [
            "the rules of the installation that is there would be replaced: lines that remove them come before these",
          ]
        : [],
    };
  } catch (error) {
    if (process.geteuid?.() === 0) throw error;
    return {
      rules: [],
      notes: [`the present rules cannot be looked at without root (${describeError(error)})`],
    };
  }
}
