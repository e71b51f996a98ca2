// SPDX-License-Identifier: Apache-2.0
import { isMap, isScalar } from "yaml";
import type { Extent } from "./extent.ts";
import { type Dataplane, type DataplaneFile, findPair } from "./read.ts";

/** A redirect port of `transparentProxying` as it is written. */
export interface WrittenPort {
  readonly way: "inbound" | "outbound";
  readonly key: "redirectPortInbound" | "redirectPortOutbound";
  /** Not there, or empty. */
  readonly isMissing: boolean;
  /** Undefined where it is a placeholder, or no number. */
  readonly port: number | undefined;
  /** Of its value. */
  readonly extent: Extent;
}

export function portWritten(
  { masked }: DataplaneFile,
  { networking }: Dataplane,
  way: "inbound" | "outbound",
): WrittenPort {
  const key = way === "inbound" ? "redirectPortInbound" : "redirectPortOutbound";
  const section = findPair(networking.value, "transparentProxying")?.value;
  const value = isMap(section) ? findPair(section, key)?.value : undefined;
  if (value === undefined || value === null || (isScalar(value) && value.value === null))
    return { way, key, isMissing: true, port: undefined, extent: { start: 0, end: 0 } };
  const [start, end] = value.range ?? [0, 0];
  const number = isScalar(value) && !masked.hasTag(String(value.value)) ? Number(value.value) : Number.NaN;
  return {
    way,
    key,
    isMissing: false,
    port: Number.isInteger(number) ? number : undefined,
    extent: { start, end },
  };
}
