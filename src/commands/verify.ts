// SPDX-License-Identifier: Apache-2.0
import { randomInt } from "node:crypto";
import type { ResolvedConfig } from "../config/resolve-config.ts";
import { TproxyError } from "../core/errors.ts";
import { isLinux } from "../host/kernel.ts";
import type { Plan } from "../plan/plan.ts";
import type { CommandIo } from "./io.ts";
import type { VerifyOptions } from "./options.ts";
import { isRoot } from "./require-root.ts";
import { cgroupOf, type Installations, judgeState, planFor, readInstallations } from "./verify/basis.ts";
import type { Check, CheckResult } from "./verify/check.ts";
import { notTried, untriedResult } from "./verify/judge.ts";
import { makeChecks } from "./verify/make-checks.ts";
import { ProbeSet } from "./verify/probe-set.ts";
import { renderJson, renderText } from "./verify/render.ts";
import { runChecks } from "./verify/run-checks.ts";
import { readSurroundings } from "./verify/surroundings.ts";
import { type Verdict, verdictOf } from "./verify/verdict.ts";

/** What scripts look for in the output of kumactl's validator. */
const KUMACTL_SUCCESS = "# validation successful, iptables rules applied correctly";

/**
 * Proves by real connections that what is installed intercepts. Changes nothing; whatever it started has ended when it
 * returns.
 *
 * @returns 0: it does
 * @throws TproxyError VERIFY_FAILED where it does not, or nothing shows that it does
 */
export async function runVerify(
  given: ResolvedConfig,
  options: VerifyOptions,
  io: CommandIo,
): Promise<number> {
  if (!isLinux()) throw new TproxyError("NOT_LINUX", "a network namespace can be intercepted on Linux only");
  const deadline = Date.now() + options.timeoutMs;
  for (let round = 0; ; round++) {
    const isLast = round >= options.retries;
    const results = await withinTime(deadline, options, (probes) =>
      verifyOnce({ given, options, io, probes, untilFailure: !isLast }),
    );
    const verdict = verdictOf(results);
    if (verdict.verified || isLast) return tell(results, verdict, options, io);
    io.note(`note: ${verdict.text}; trying again`);
    await new Promise((resolve) => setTimeout(resolve, options.retryIntervalMs));
  }
}

interface Round {
  readonly given: ResolvedConfig;
  readonly options: VerifyOptions;
  readonly io: CommandIo;
  readonly probes: ProbeSet;
  readonly untilFailure: boolean;
}

async function verifyOnce({ given, options, io, probes, untilFailure }: Round): Promise<CheckResult[]> {
  const installations = isRoot() ? await readInstallations(options.bpffsPath, io) : undefined;
  const state = installations === undefined ? [] : [judgeState(installations)];
  if (installations?.length === 0) return state;
  const { plan, notes } = planFor(installations ?? [], given, options);
  for (const note of notes) io.note(`note: ${note}`);
  const identities = probes.identities();
  const ownPort = randomInt(20_000, 30_000);
  const made = makeChecks({ plan, surroundings: await readSurroundings(), identities, ownPort });
  probes.useCgroup(cgroupFor(installations));
  const uid = identities.any ? plan.proxyUser.uid : identities.uid;
  const results = await unlessNoCgroup(made.checks, async () =>
    runChecks(made.checks, {
      plan,
      listener: await probes.of(uid),
      isProxy: uid === plan.proxyUser.uid,
      probeOf: (other) => probes.of(other),
      bypasses: bypasses(plan, installations ?? []),
      untilFailure,
    }),
  );
  const untried = made.untried.map(untriedResult);
  return [...results, ...state, ...untried];
}

/** Nothing fails where no process may be in the cgroup that is intercepted, but nothing can be tried either. */
async function unlessNoCgroup(
  checks: readonly Check[],
  run: () => Promise<CheckResult[]>,
): Promise<CheckResult[]> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof TproxyError && error.code === "CGROUP_UNUSABLE")) throw error;
    return checks.map((check) => notTried(check, error.message));
  }
}

/** By what is wanted, or by what is there: who gives options need not give all that were given to install. */
function bypasses({ whenProxyDown }: Plan, installations: Installations): boolean {
  return [whenProxyDown, ...installations.map(({ record }) => record?.whenProxyDown)].includes("bypass");
}

function cgroupFor(installations: Installations | undefined): string | undefined {
  return installations === undefined ? undefined : cgroupOf(installations);
}

/** Ends what was started, whatever happens, and all of it when the time is over. */
async function withinTime<T>(
  deadline: number,
  { timeoutMs }: VerifyOptions,
  act: (probes: ProbeSet) => Promise<T>,
): Promise<T> {
  const probes = new ProbeSet();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new TproxyError("VERIFY_FAILED", `verify did not end within ${timeoutMs / 1000} s`, {
      hint: "Give it more time with --timeout; in a frozen cgroup (cgroup.freeze) it stands still.",
    });
    timer = setTimeout(() => reject(error), Math.max(0, deadline - Date.now()));
  });
  try {
    return await Promise.race([act(probes), late]);
  } finally {
    clearTimeout(timer);
    await probes.close();
  }
}

/** @throws TproxyError VERIFY_FAILED */
function tell(
  results: readonly CheckResult[],
  verdict: Verdict,
  { json, likeKumactl }: VerifyOptions,
  io: CommandIo,
): number {
  for (const line of json ? [renderJson(results, verdict)] : renderText(results)) io.out(line);
  if (verdict.verified) {
    if (!json) io.out(likeKumactl ? KUMACTL_SUCCESS : `# ${verdict.text}`);
    return 0;
  }
  const remedies = new Set(results.flatMap(({ remedy }) => remedy ?? []));
  const text = likeKumactl ? `validation failed: ${verdict.text}` : verdict.text;
  throw new TproxyError("VERIFY_FAILED", text, {
    hint: remedies.size > 0 ? [...remedies].join(" ") : WHERE,
  });
}

const WHERE =
  "Run it as root, or as the proxy's user, in the network namespace; the lines before say what was not tried.";
