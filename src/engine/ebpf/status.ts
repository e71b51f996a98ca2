// SPDX-License-Identifier: Apache-2.0
import { U32, U64 } from "../../bpf/codec.ts";
import { TypedMap } from "../../bpf/typed-map.ts";
import { readNetwork } from "../../host/interfaces.ts";
import { isCgroup2 } from "../../host/mounts.ts";
import type { Finding } from "../finding.ts";
import { type Listening, readListening } from "../listening.ts";
import { passthroughFinding } from "../passthrough-finding.ts";
import { hookFindings } from "./hook-findings.ts";
import { type HookStatus, readHook } from "./hook-status.ts";
import type { Installed } from "./installed.ts";
import { REASONS } from "./load.ts";
import { pinFindings } from "./pin-findings.ts";
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
      maps: sum(installed.mapNames().map((name) => installed.map(name).memoryBytes())),
      programs: sum(installed.programNames().map((name) => installed.program(name).memoryBytes())),
    },
    connections: readCounters(installed),
    findings: [
      ...hookFindings(hooks, record, places),
      ...pinFindings(installed),
      ...passthroughFinding(record, places.interfaces),
    ],
  };
}

/** `TP_OUTBOUND_REDIRECTED` → `outboundRedirected`. None where their pin is gone. */
function readCounters(installed: Installed): Record<string, number> {
  if (!installed.mapNames().includes("tp_counters")) return {};
  const counters = new TypedMap(installed.map("tp_counters"), U32, U64);
  return Object.fromEntries(
    REASONS.map((name, index) => [toCamelCase(name), sum((counters.getPerCpu(index) ?? []).map(Number))]),
  );
}

function toCamelCase(name: string): string {
  return name
    .replace(/^TP_/, "")
    .toLowerCase()
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
