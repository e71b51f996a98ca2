// SPDX-License-Identifier: Apache-2.0
import { type Listening, readListening } from "../listening.ts";
import { readCounters } from "./counters.ts";
import { filterProgram } from "./filter.ts";
import { type Hook, hookKey } from "./hooks.ts";
import type { Installed } from "./installed.ts";
import type { InstanceRecord } from "./record.ts";

export interface HookStatus {
  readonly hook: Hook;
  /**
   * "detached": the link is gone, or what it was attached to. "replaced": it runs another program than the one that
   * was installed; an installation was killed half way, or somebody changed it.
   */
  readonly state: "attached" | "detached" | "replaced";
  readonly linkId?: number;
  readonly programId?: number;
}

export interface InstanceStatus {
  readonly engine: "ebpf";
  readonly pins: string;
  readonly record: InstanceRecord;
  readonly hooks: readonly HookStatus[];
  readonly listening: Listening;
  /** Kernel memory in bytes. */
  readonly memory: { readonly maps: number; readonly programs: number };
  /** Connections by what became of them, since the first installation here. */
  readonly connections: Readonly<Record<string, number>>;
}

/** Reads an installation's state from the kernel. Changes nothing. */
export function readStatus(installed: Installed): InstanceStatus {
  const { record } = installed;
  return {
    engine: "ebpf",
    pins: installed.path,
    record,
    hooks: record.hooks.map((hook) => readHook(installed, hook)),
    listening: readListening(record),
    memory: {
      maps: sum(installed.maps().map((map) => map.memoryBytes())),
      programs: sum(installed.programs().map((program) => program.memoryBytes())),
    },
    connections: Object.fromEntries(
      Object.entries(readCounters(installed)).map(([name, count]) => [toCamelCase(name), count]),
    ),
  };
}

/** Whether all that was attached still is. */
export function isIntact(status: InstanceStatus): boolean {
  return status.hooks.every((hook) => hook.state === "attached");
}

function readHook(installed: Installed, hook: Hook): HookStatus {
  const attached = readAttached(installed, hook);
  if (attached === undefined) return { hook, state: "detached" };
  const expected = expectedPrograms(installed, hook);
  return { hook, state: expected.includes(attached.programId) ? "attached" : "replaced", ...attached };
}

/** Another version's are not known by their names. */
function expectedPrograms(installed: Installed, hook: Hook): number[] {
  const programs = installed.isForeign ? installed.programs() : [installed.program(hook.program)];
  return programs.map((program) => program.info().id);
}

/** What is at a hook now; undefined for nothing. */
function readAttached(installed: Installed, hook: Hook): { programId: number; linkId?: number } | undefined {
  const filter = installed.record.filters.find(({ index }) => hook.kind === "tc" && hook.index === index);
  if (filter !== undefined) {
    const programId = filterProgram(filter);
    return programId === undefined ? undefined : { programId };
  }
  const info = installed.link(hookKey(hook))?.info;
  return info === undefined || info.defunct ? undefined : { programId: info.programId, linkId: info.id };
}

/** `TP_OUTBOUND_REDIRECTED` → `outboundRedirected`. */
function toCamelCase(name: string): string {
  return name
    .replace(/^TP_/, "")
    .toLowerCase()
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
