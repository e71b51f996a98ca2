// SPDX-License-Identifier: Apache-2.0
import { isKnownFilter } from "./filter-record.ts";
import type { InstanceRecord } from "./record.ts";

const UNKNOWN = "of an unknown version";

/**
 * What can be told of an installation whose record has another format: each field for itself, where it has the form that
 * this version knows, or what is most likely. What is attached is not taken from here but from the pins.
 */
export function understandRecord(value: unknown): InstanceRecord {
  const record = fieldsOf(value);
  const { version, installedAt, abi, state, cgroupPath, tcInterface, plan } = record;
  const { filters, instance, proxyUser, netnsInode } = record;
  const { uid, name } = fieldsOf(proxyUser);
  return {
    format: numberOr(record.format, 0),
    version: textOr(version, UNKNOWN),
    installedAt: textOr(installedAt, "at an unknown time"),
    abi: textOr(abi, ""),
    ...(typeof state === "string" ? { state } : {}),
    netnsInode: numberOr(netnsInode, 0),
    cgroupPath: textOr(cgroupPath, ""),
    proxyUser: { uid: numberOr(uid, 0), ...(typeof name === "string" ? { name } : {}) },
    ipv6: record.ipv6 !== false,
    outbound: directionOf(record.outbound, 15001),
    inbound: directionOf(record.inbound, 15006),
    ...(record.whenProxyDown === "bypass" ? { whenProxyDown: "bypass" } : {}),
    instance: isTexts(instance) ? instance : "all",
    addedPassthroughAddress: record.addedPassthroughAddress === true,
    ...(typeof tcInterface === "string" ? { tcInterface } : {}),
    ...(isPlan(plan) ? { plan } : {}),
    ...(isTexts(record.counters) ? { counters: record.counters } : {}),
    hooks: [],
    filters: Array.isArray(filters) ? filters.filter(isKnownFilter) : [],
  };
}

function directionOf(value: unknown, usualPort: number): InstanceRecord["outbound"] {
  const { redirect, port, excludedPorts } = fieldsOf(value);
  const isPort = (each: unknown): each is number => Number.isInteger(each) && Number(each) > 0;
  return {
    redirect: redirect !== false,
    port: isPort(port) ? port : usualPort,
    excludedPorts: Array.isArray(excludedPorts) ? excludedPorts.filter(isPort) : [],
  };
}

/** Which of its formats this version can read, `keptPlan` knows. */
function isPlan(value: unknown): value is NonNullable<InstanceRecord["plan"]> {
  return typeof fieldsOf(value).format === "number";
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** Of an object; of anything else, none. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
