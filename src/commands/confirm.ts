// SPDX-License-Identifier: Apache-2.0
import { resolveConfig } from "../config/resolve-config.ts";
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { Undo } from "../core/undo.ts";
import { type FoundInstallation, findInstallation } from "../engine/find-installation.ts";
import { IptablesEngine } from "../engine/iptables/engine.ts";
import { readNetns } from "../engine/netns.ts";
import { type Pending, readPending } from "../engine/pending.ts";
import { storeWithInstallation } from "../engine/persistence/store-with-installation.ts";
import { readPresentState } from "../engine/present-state.ts";
import { lockNamespace } from "../host/lock.ts";
import type { CommandIo } from "./io.ts";
import { describeOutlook, forget, isOver } from "./pending-state.ts";
import { requireRoot } from "./require-root.ts";

/** The last change may stay. Exit status 0: it does; what is in force is said. */
export async function runConfirm(io: CommandIo): Promise<number> {
  requireRoot("confirm");
  const netns = readNetns();
  using _lock = await lockNamespace(netns.inode);
  const pending = readPending(netns);
  const iptables = new IptablesEngine(resolveConfig([]).config, (line) => io.note(line));
  const found = await findInstallation(netns, iptables);
  if (pending === undefined)
    throw new TproxyError(
      "NOTHING_TO_CONFIRM",
      `nothing waits to be confirmed: it was too late, has been done, or was never asked for; ${describe(found)}`,
      { hint: "`tproxyctl status` shows what is installed." },
    );
  if (found === undefined) throw await nothingThere(netns, pending, iptables);
  await forget(netns, pending);
  io.out(`# confirmed: ${describe(found)}`);
  await followConfirmed(netns, found, io);
  if (!found.isWhole) io.note("warning: not all of it is there; `tproxyctl status` says what is not");
  return 0;
}

/** What may stay is not there. Where that is how it was before, the change did not come about; else it is put back still. */
async function nothingThere(
  netns: NetnsFact,
  pending: Pending,
  iptables: IptablesEngine,
): Promise<TproxyError> {
  const over = isOver(pending, await readPresentState(netns, iptables));
  if (over) await forget(netns, pending);
  return new TproxyError(
    "NOTHING_TO_CONFIRM",
    `nothing is installed that could be confirmed; ${over ? "nothing is put back" : describeOutlook(pending)}`,
    {
      hint: over
        ? "`tproxyctl install` installs."
        : "`tproxyctl uninstall` removes what is there; then nothing is put back.",
    },
  );
}

/** What systemd has stored waited for this. */
async function followConfirmed(
  netns: NetnsFact,
  { record }: FoundInstallation,
  io: CommandIo,
): Promise<void> {
  const config = record?.config;
  if (config === undefined) return;
  await using undo = new Undo();
  const options = { stored: false, storeSystemd: false, confirmWithinMs: undefined };
  for (const note of await storeWithInstallation(netns, config, options, undo)) io.note(`note: ${note}`);
  undo.keep();
}

function describe(found: FoundInstallation | undefined): string {
  if (found === undefined) return "nothing is installed";
  const { engine, record } = found;
  if (record === undefined) return `the ${engine} engine is in force`;
  const ports = [
    ...(record.outbound.redirect ? [`outbound connections go to port ${record.outbound.port}`] : []),
    ...(record.inbound.redirect ? [`inbound ones to port ${record.inbound.port}`] : []),
  ];
  return [`the ${engine} engine is in force`, ...ports].join(", ");
}
