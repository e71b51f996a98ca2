// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { ConfigError, describeError, TproxyError } from "../../core/errors.ts";
import { readHostFacts } from "../../engine/host-facts.ts";
import type { CodedCheck } from "../../engine/run-check.ts";
import { makePlan } from "../../plan/make-plan.ts";
import type { Plan } from "../../plan/plan.ts";

const NAMED = { name: "configuration", what: "a plan for this host" } as const;

/** Whether a plan can be made, which every engine needs: one check, or one for each thing that does not fit. */
export async function checkConfiguration(
  config: Config,
): Promise<{ readonly checks: readonly CodedCheck[]; readonly plan: Plan | undefined }> {
  try {
    const plan = makePlan(config, readHostFacts(config));
    return { checks: [{ ...NAMED, state: "ok", found: describePlan(plan), remedy: undefined }], plan };
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code === "INTERNAL") throw error;
    return { checks: problemsOf(error), plan: undefined };
  }
}

function describePlan({ proxyUser: { name, uid }, netns }: Plan): string {
  const user = name === undefined ? `${uid}` : `${name} (${uid})`;
  return `network namespace ${netns.inode}, proxy user ${user}`;
}

function problemsOf(error: TproxyError): CodedCheck[] {
  const { code, hint: remedy } = error;
  if (!(error instanceof ConfigError)) {
    return [{ ...NAMED, state: "missing", found: describeError(error), remedy, code }];
  }
  return error.problems.map(({ source, message }) => ({
    ...NAMED,
    state: "missing",
    found: `${source}: ${message}`,
    remedy: remedy ?? `Give ${source} another value.`,
    code,
  }));
}
