// SPDX-License-Identifier: Apache-2.0
import type { ResolvedConfig } from "../config/resolve-config.ts";
import { decide } from "../plan/decide.ts";
import { decideWithoutProxy } from "../plan/decide-proxy-down.ts";
import { planOfConfig, planOfInstallation } from "./explain/basis.ts";
import { toConnection } from "./explain/connection.ts";
import { renderJson } from "./explain/render-json.ts";
import { renderText } from "./explain/render-text.ts";
import type { CommandIo } from "./io.ts";
import type { ExplainOptions } from "./options.ts";

/**
 * Says what becomes of a connection or a query, and which rule decides. Changes nothing, and sends nothing.
 *
 * @param given the configuration to answer for; undefined: what is installed
 * @returns the exit status: 0, or 1 where nothing is installed and no configuration was given
 */
export async function runExplain(
  given: ResolvedConfig | undefined,
  options: ExplainOptions,
  io: CommandIo,
): Promise<number> {
  const basis =
    given === undefined ? await planOfInstallation(options.bpffsPath, io) : await planOfConfig(given, io);
  if (basis === undefined) {
    io.out(options.json ? JSON.stringify({ installed: false }) : "not installed in this network namespace");
    return 1;
  }
  const connection = toConnection(options.question, basis);
  const decision = decide(basis.plan, connection);
  const answer = { basis, connection, decision, withoutProxy: decideWithoutProxy(basis.plan, decision) };
  for (const line of options.json ? [renderJson(answer)] : renderText(answer)) io.out(line);
  return 0;
}
