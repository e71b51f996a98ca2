// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import { describeError, TproxyError } from "../core/errors.ts";
import { checkNetworks } from "../engine/check-networks.ts";
import { checkEbpf } from "../engine/ebpf/requirements.ts";
import { checkIptables } from "../engine/iptables/check.ts";
import { checkSupport } from "../engine/iptables/check-support.ts";
import { IptablesEngine } from "../engine/iptables/engine.ts";
import { predictChoice } from "../engine/predict-choice.ts";
import type { CodedCheck } from "../engine/run-check.ts";
import { isLinux, kernelRelease } from "../host/kernel.ts";
import { checkConfiguration } from "./doctor/configuration.ts";
import type { Examination } from "./doctor/examination.ts";
import { lookForOthers } from "./doctor/others.ts";
import { renderJson } from "./doctor/render-json.ts";
import { renderText } from "./doctor/render-text.ts";
import type { CommandIo } from "./io.ts";
import type { DoctorOptions } from "./options.ts";
import { isRoot } from "./require-root.ts";

/**
 * Says what each engine needs, what is there of it, and which engine `install` would use. Changes nothing. Exit status
 * 0: the configuration can be installed with the engine that it asks for; 1: it cannot, or only root could tell.
 */
export async function runDoctor(config: Config, options: DoctorOptions, io: CommandIo): Promise<number> {
  if (!isLinux()) throw new TproxyError("NOT_LINUX", "a network namespace can be intercepted on Linux only");
  const examination = await examine(config);
  for (const line of options.json ? [renderJson(examination)] : renderText(examination)) io.out(line);
  return examination.choice.outcome === "as-asked" ? 0 : 1;
}

async function examine(config: Config): Promise<Examination> {
  const { checks: configuration, plan } = await checkConfiguration(config);
  const rules = new IptablesEngine(config, () => {});
  const checks = {
    configuration,
    ebpf: [...checkEbpf(config, plan), ...(plan === undefined ? [] : await checkNetworks(plan, rules))],
    iptables: [checkSupport(config), ...(await examineIptables(config))],
  };
  // Without a plan `install` fails before it comes to an engine.
  const { ebpf, iptables } = plan === undefined ? { ebpf: configuration, iptables: configuration } : checks;
  const choose = (asked: Pick<Config, "engine" | "ebpf">) => predictChoice(asked, ebpf, iptables);
  const ways = WAYS.map(({ flag, engine, enabled }) => ({
    flag,
    choice: choose({ engine, ebpf: { ...config.ebpf, enabled } }),
  }));
  const others = isRoot() ? lookForOthers(config.ebpf) : undefined;
  return { kernel: kernelRelease(), root: isRoot(), checks, others, choice: choose(config), ways };
}

/** What is in the way of looking must not hide what has been found so far. */
async function examineIptables(config: Config): Promise<readonly CodedCheck[]> {
  try {
    return await checkIptables(config);
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code === "INTERNAL") throw error;
    const { code, hint: remedy } = error;
    const found = describeError(error);
    return [{ name: "iptables", what: "iptables", state: "missing", found, remedy, code }];
  }
}

/** The ways to ask for an engine. */
const WAYS = [
  { flag: "(no flag)", engine: "", enabled: false },
  { flag: "--ebpf-enabled", engine: "", enabled: true },
  { flag: "--engine=ebpf", engine: "ebpf", enabled: false },
] as const;
