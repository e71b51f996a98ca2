// SPDX-License-Identifier: Apache-2.0
import { resolveConfig } from "../config/resolve-config.ts";
import type { NetnsFact } from "../core/facts.ts";
import { readPins } from "../engine/ebpf/half.ts";
import { describeFinding, type Finding, finding, INSTALL_AGAIN } from "../engine/finding.ts";
import { IptablesEngine } from "../engine/iptables/engine.ts";
import { type InstallationStatus, joinStatus } from "../engine/join-status.ts";
import { readNetns } from "../engine/netns.ts";
import type { OldConnections } from "../engine/old-connections.ts";
import { examineStored } from "../engine/persistence/examine-stored.ts";
import { readUndisturbed } from "../host/undisturbed.ts";
import type { CommandIo } from "./io.ts";
import type { StatusOptions } from "./options.ts";
import { requireRoot } from "./require-root.ts";
import { describeEbpf } from "./status/describe-ebpf.ts";
import { describeIptables } from "./status/describe-iptables.ts";
import { type ShownPending, showPending } from "./status/describe-pending.ts";
import { type Examination, examine, inOrder } from "./status/examine.ts";

/**
 * Exit status: 0 installed and intact, 1 not installed, 2 installed but not all of it works: by the findings that degrade
 * it. Whatever is written down is compared with the kernel. While another command is at work it waits some seconds for its
 * end.
 */
export async function runStatus(options: StatusOptions, io: CommandIo): Promise<number> {
  requireRoot("status");
  const netns = readNetns();
  const iptables = new IptablesEngine(resolveConfig([]).config, (line) => io.note(line));
  const look = () => lookAt(netns, options, iptables);
  const seen = await readUndisturbed(netns.inode, look, (each) => exitCodeOf(each) === 0);
  const { status, others, examined, stored, pending, findings } = seen;
  if (options.json) {
    const shown = toJson(status, others, findings, examined?.oldConnections);
    const kept = stored.lines.length === 0 ? {} : { stored: stored.status };
    io.out(JSON.stringify({ ...shown, ...kept, ...(pending && { pending: pending.json }) }));
  } else {
    for (const line of isNothing(seen)
      ? ["not installed in this network namespace"]
      : describeAll(status, findings))
      io.out(line);
    for (const line of [...stored.lines, ...(pending?.text ?? [])]) io.out(line);
  }
  for (const other of others) io.note(`warning: there is a second installation, ${whereIs(other)}`);
  return exitCodeOf(seen);
}

interface Seen {
  readonly status: InstallationStatus | undefined;
  /** There should be none. */
  readonly others: readonly InstallationStatus[];
  /** Undefined where there is no installation. */
  readonly examined: Examination | undefined;
  readonly stored: ReturnType<typeof examineStored>;
  readonly pending: ShownPending | undefined;
  readonly findings: readonly Finding[];
}

async function lookAt(netns: NetnsFact, options: StatusOptions, iptables: IptablesEngine): Promise<Seen> {
  const rules = await iptables.status(netns);
  const pins = readPins(netns, options.bpffsPath);
  const installations = joinStatus(pins.instances, rules);
  const [status, ...others] = installations;
  const pending = showPending(netns, { installations, halves: pins.findings });
  const examined = status && examine(status);
  const stored = examineStored(netns, status);
  const findings = inOrder([
    ...others.map(secondFinding),
    ...pins.findings,
    ...(pending?.findings ?? []),
    ...(examined?.findings ?? []),
    ...stored.findings,
  ]);
  return { status, others, examined, stored, pending, findings };
}

function isNothing({ status, findings }: Seen): boolean {
  return status === undefined && findings.length === 0;
}

function exitCodeOf(seen: Seen): number {
  if (isNothing(seen)) return 1;
  return seen.findings.some(({ degrades }) => degrades) ? 2 : 0;
}

/** More than one is the mark of a change of engine that did not end. */
function toJson(
  status: InstallationStatus | undefined,
  others: readonly InstallationStatus[],
  findings: readonly Finding[],
  oldConnections: OldConnections | undefined,
): object {
  if (status === undefined) return { installed: false, ...(findings.length === 0 ? {} : { findings }) };
  const shown = others.map(withoutWhatIsLong);
  return {
    installed: true,
    ...withoutWhatIsLong(status),
    findings,
    ...(oldConnections === undefined ? {} : { oldConnections }),
    ...(shown.length === 0 ? {} : { others: shown }),
  };
}

/** Plan and configuration may have 100 000 entries; they are for `explain`, and to install the same again. */
function withoutWhatIsLong(status: InstallationStatus): object {
  const { record, ...rest } = status;
  if (record === undefined) return rest;
  const { plan: _, config: __, ...shown } = record;
  return { ...rest, record: shown };
}

function describe(status: InstallationStatus): string[] {
  return status.engine === "ebpf" ? describeEbpf(status) : describeIptables(status);
}

function describeAll(status: InstallationStatus | undefined, findings: readonly Finding[]): string[] {
  const lines = status === undefined ? ["no whole installation"] : describe(status);
  return [...lines, ...findings.map(describeFinding)];
}

function secondFinding(other: InstallationStatus): Finding {
  return finding("second-installation", `there is a second installation, ${whereIs(other)}`, INSTALL_AGAIN);
}

function whereIs(status: InstallationStatus): string {
  return status.engine === "ebpf" ? `of the eBPF engine, in ${status.pins}` : "of the iptables engine";
}
