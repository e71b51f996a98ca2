// SPDX-License-Identifier: Apache-2.0
import { resolveConfig } from "../config/resolve-config.ts";
import { statusOfEbpf } from "../engine/ebpf/uninstall.ts";
import { IptablesEngine } from "../engine/iptables/engine.ts";
import { type InstallationStatus, isWhole, joinStatus } from "../engine/join-status.ts";
import { readNetns } from "../host/netns.ts";
import type { CommandIo } from "./io.ts";
import type { StatusOptions } from "./options.ts";
import { requireRoot } from "./require-root.ts";
import { describeEbpf } from "./status/describe-ebpf.ts";
import { describeIptables } from "./status/describe-iptables.ts";

/** Exit status: 0 installed and intact, 1 not installed, 2 installed but not all of it works. */
export async function runStatus(options: StatusOptions, io: CommandIo): Promise<number> {
  requireRoot("status");
  const netns = readNetns();
  const iptables = new IptablesEngine(resolveConfig([]).config, (line) => io.note(line));
  const rules = await iptables.status(netns);
  const [status, ...others] = joinStatus(statusOfEbpf(netns, options.bpffsPath), rules);
  if (options.json) io.out(JSON.stringify(toJson(status, others)));
  else if (status === undefined) io.out("not installed in this network namespace");
  else for (const line of describe(status)) io.out(line);
  for (const other of others) io.note(`warning: there is a second installation, ${whereIs(other)}`);
  if (status === undefined) return 1;
  return isWhole(status) && others.length === 0 ? 0 : 2;
}

/** More than one is the mark of a change of engine that did not end. */
function toJson(status: InstallationStatus | undefined, others: readonly InstallationStatus[]): object {
  if (status === undefined) return { installed: false };
  const shown = others.map(withoutWhatIsLong);
  return { installed: true, ...withoutWhatIsLong(status), ...(shown.length === 0 ? {} : { others: shown }) };
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

function whereIs(status: InstallationStatus): string {
  return status.engine === "ebpf" ? `of the eBPF engine, in ${status.pins}` : "of the iptables engine";
}
