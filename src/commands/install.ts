// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import { formatEndpoint } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import { EbpfEngine } from "../engine/ebpf/engine.ts";
import type { Engine, InstallReport } from "../engine/engine.ts";
import { readHostFacts } from "../engine/host-facts.ts";
import { isLinux } from "../host/kernel.ts";
import { lockNamespace } from "../host/lock.ts";
import { readNetns } from "../host/netns.ts";
import { makePlan } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { CommandIo } from "./io.ts";
import { isRoot, requireRoot } from "./require-root.ts";

/** Puts this network namespace behind the proxy. Exit status 0: it is. */
export async function runInstall(config: Config, io: CommandIo): Promise<number> {
  if (!isLinux()) throw new TproxyError("NOT_LINUX", "a network namespace can be intercepted on Linux only");
  const engine = chooseEngine(config);
  if (config.dryRun) return dryRun(config, engine, io);
  requireRoot("install");
  using _lock = await lockNamespace(readNetns().inode);
  const plan = makePlan(config, await readHostFacts(config.kumaDPUser));
  if (config.verbose) for (const line of await engine.describe(plan)) io.note(`# ${line}`);
  const report = await engine.install(plan);
  for (const note of report.notes) io.note(`note: ${note}`);
  noteListeners(report, plan, io);
  io.out(`# transparent proxy setup completed successfully${report.replaced ? " (changed in place)" : ""}`);
  return 0;
}

function chooseEngine(config: Config): Engine {
  if (config.ebpf.enabled) return new EbpfEngine(config.ebpf);
  throw new TproxyError("ENGINE_UNAVAILABLE", "the iptables engine is not part of this version yet", {
    hint: "--ebpf-enabled selects the eBPF engine.",
  });
}

async function dryRun(config: Config, engine: Engine, io: CommandIo): Promise<number> {
  if (!isRoot())
    io.note("warning: without root not everything can be looked at: what install does may differ");
  const plan = makePlan(config, await readHostFacts(config.kumaDPUser));
  io.out("# dry run: this is what would be done, nothing was changed");
  for (const line of await engine.describe(plan)) io.out(line);
  return 0;
}

/** Fail closed is the default, so a proxy that is not there yet is worth a word. */
function noteListeners({ listeners }: InstallReport, plan: Plan, io: CommandIo): void {
  for (const [direction, { redirect, port }] of [
    ["outbound", plan.outbound] as const,
    ["inbound", plan.inbound] as const,
  ]) {
    if (!redirect) continue;
    const where = listeners
      .filter((each) => each.port === port)
      .map((each) => formatEndpoint(each.address, port));
    if (where.length > 0) io.note(`# ${direction}: the proxy listens on ${[...new Set(where)].join(", ")}`);
    else
      io.note(
        `# ${direction}: nothing listens on port ${port} yet; until then these connections are refused`,
      );
  }
}
