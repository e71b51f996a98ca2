// SPDX-License-Identifier: Apache-2.0
import type { CommonRecord, DirectionRecord } from "./record.ts";

/** The fields of an object; of anything else, none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

export function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

export function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/**
 * What can be told of an installation whose record has another format than this version's, or none: each field for itself,
 * where it has the form that this version knows, or else what is most likely. Pure.
 */
export function understandCommon(value: unknown): CommonRecord {
  const { version, installedAt, proxyUser, instance, plan, ...record } = fieldsOf(value);
  const { uid, name } = fieldsOf(proxyUser);
  return {
    version: textOr(version, "of an unknown version"),
    installedAt: textOr(installedAt, "at an unknown time"),
    proxyUser: { uid: numberOr(uid, 0), ...(typeof name === "string" ? { name } : {}) },
    ipv6: record.ipv6 !== false,
    outbound: directionOf(record.outbound, 15001),
    inbound: directionOf(record.inbound, 15006),
    ...(record.whenProxyDown === "bypass" ? { whenProxyDown: "bypass" } : {}),
    instance: isTexts(instance) ? instance : "all",
    addedPassthroughAddress: record.addedPassthroughAddress === true,
    ...(isPlan(plan) ? { plan } : {}),
  };
}

function directionOf(value: unknown, usualPort: number): DirectionRecord {
  const { redirect, port, excludedPorts } = fieldsOf(value);
  const isPort = (each: unknown): each is number => Number.isInteger(each) && Number(each) > 0;
  return {
    redirect: redirect !== false,
    port: isPort(port) ? port : usualPort,
    excludedPorts: Array.isArray(excludedPorts) ? excludedPorts.filter(isPort) : [],
  };
}

/** Which of its formats this version can read, `keptPlan` knows. */
function isPlan(value: unknown): value is NonNullable<CommonRecord["plan"]> {
  return typeof fieldsOf(value).format === "number";
}
