// SPDX-License-Identifier: Apache-2.0
import type { Config, IptablesExecutable } from "../../config/config.ts";
import type { Family } from "../../core/address.ts";
import { ConfigError, describeError, type Problem } from "../../core/errors.ts";
import { BASE_NAMES, type Executables, type Mode } from "./executables.ts";
import type { IptablesHost } from "./iptables-host.ts";

/** Of the families that were named. */
export type Given = { readonly [family in Family]?: Executables };

const OPTION = "--iptables-executables";

/**
 * Checks the programs that the user named: they are there, nobody but root can change them, they work, and are of one
 * mode. `given` has all of a family
 * or none of it.
 *
 * @throws ConfigError with all problems
 */
export async function checkGiven(
  given: Config["iptablesExecutables"],
  families: readonly Family[],
  host: IptablesHost,
): Promise<Given> {
  const checked = await Promise.all(families.map((family) => checkFamily(given, family, host)));
  const problems = checked.flatMap((result) => result.problems ?? []);
  const [first, second] = checked.flatMap(({ executables }) =>
    executables === undefined ? [] : [executables],
  );
  if (first !== undefined && second !== undefined && first.mode !== second.mode) {
    problems.push(
      `${first.iptables} is ${first.mode}, ${second.iptables} is ${second.mode}: all must be of one kind`,
    );
  }
  if (problems.length > 0) throw asConfigError(problems);
  return Object.fromEntries(
    [first, second].flatMap((one) => (one === undefined ? [] : [[one.family, one] as const])),
  );
}

interface Checked {
  readonly executables?: Executables;
  readonly problems?: readonly string[];
}

async function checkFamily(
  given: Config["iptablesExecutables"],
  family: Family,
  host: IptablesHost,
): Promise<Checked> {
  const base = BASE_NAMES[family];
  const names: readonly IptablesExecutable[] = [base, `${base}-save`, `${base}-restore`];
  const [iptables, save, restore] = names.map((name) => given[name]);
  if (iptables === undefined || save === undefined || restore === undefined) return {};
  const answers = await Promise.all([iptables, save, restore].map((path) => askMode(path, host)));
  const problems = answers.flatMap((answer) => (typeof answer === "string" ? [] : [answer.problem]));
  if (problems.length > 0) return { problems };
  const [mode, ...others] = answers.filter((answer) => typeof answer === "string");
  if (mode === undefined || others.some((other) => other !== mode)) {
    const list = [iptables, save, restore].map((path, index) => `${path} is ${answers[index]}`).join(", ");
    return { problems: [`${list}: all must be of one kind`] };
  }
  return { executables: { family, mode, iptables, save, restore } };
}

async function askMode(path: string, host: IptablesHost): Promise<Mode | { readonly problem: string }> {
  if (host.findProgram(path) === undefined) {
    return { problem: `${path} does not exist or cannot be executed` };
  }
  const distrust = host.distrust(path);
  if (distrust !== undefined) {
    return { problem: `${path} is not run, for others than root could change it: ${distrust}` };
  }
  try {
    return await host.askMode(path);
  } catch (error) {
    return { problem: `${path} does not work: ${describeError(error)}` };
  }
}

function asConfigError(messages: readonly string[]): ConfigError {
  const problems: Problem[] = messages.map((message) => ({ source: OPTION, message }));
  return new ConfigError(
    problems,
    "Name the programs of one installation of iptables, or leave the option out.",
  );
}
