// SPDX-License-Identifier: Apache-2.0
import { readNetwork } from "../../host/interfaces.ts";
import { isCgroup2 } from "../../host/mounts.ts";
import type { Finding } from "../finding.ts";
import { type Listening, readListening } from "../listening.ts";
import { passthroughFinding } from "../passthrough-finding.ts";
import { readCounters } from "./counters.ts";
import { hookFindings } from "./hook-findings.ts";
import { type HookStatus, readHook } from "./hook-status.ts";
import type { Installed } from "./installed.ts";
import { damageFinding, pinFindings } from "./pin-findings.ts";
import type { InstanceRecord } from "./record.ts";

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
  /** What of it is not as it was installed. */
  readonly findings: readonly Finding[];
}

/** Reads an installation's state from the kernel. Changes nothing. */
export function readStatus(installed: Installed): InstanceStatus {
  const { record } = installed;
  const hooks = record.hooks.map((hook) => readHook(installed, hook));
  const places = { ...readNetwork(), cgroupExists: isCgroup2(record.cgroupPath) };
  return {
    engine: "ebpf",
    pins: installed.path,
    record,
    hooks,
    listening: readListening(record),
    memory: {
      maps: sum(installed.maps().map((map) => map.memoryBytes())),
      programs: sum(installed.programs().map((program) => program.memoryBytes())),
    },
    connections: Object.fromEntries(
      Object.entries(readCounters(installed)).map(([name, count]) => [toCamelCase(name), count]),
    ),
    findings: [
      ...damageFinding(installed),
      ...hookFindings(hooks, record, places),
      ...pinFindings(installed),
      ...passthroughFinding(record, places.interfaces),
    ],
  };
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
