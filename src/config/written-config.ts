// SPDX-License-Identifier: Apache-2.0
import { formatAddress, formatPrefix } from "../core/address.ts";
import type { NumberRange } from "../core/ranges.ts";
import type { Config, UserExclusion } from "./config.ts";
import { fileKeyOf, type SettingName } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

export type WrittenValue = string | number | boolean | readonly (string | number)[] | WrittenTable;
export interface WrittenTable {
  readonly [name: string]: string;
}

/** A setting as a file would have it: read again it gives the same configuration. */
export interface WrittenSetting {
  readonly key: SettingName;
  /** Its path in a file. */
  readonly path: string;
  readonly value: WrittenValue;
}

/**
 * What an installation was made with, to be kept with it: the settings by their keys, as a file would have them. Without
 * those of one run of the command (`dryRun`, `verbose`). `configOfWritten` makes a configuration of it again.
 */
export type WrittenConfig = Readonly<Partial<Record<SettingName, WrittenValue>>>;

export function writeConfig(config: Config): WrittenConfig {
  const kept = writeSettings(config).filter(({ key }) => !OF_ONE_RUN.includes(key));
  return Object.fromEntries(kept.map(({ key, value }) => [key, value]));
}

const OF_ONE_RUN: readonly SettingName[] = ["dryRun", "verbose"];

export function writeSettings(config: Config): readonly WrittenSetting[] {
  return SETTINGS.map((setting) => ({
    key: setting.key,
    path: fileKeyOf(setting),
    value: writeValue(setting.key, config),
  }));
}

function writeValue(key: SettingName, config: Config): WrittenValue {
  const { redirect, ebpf, retry } = config;
  switch (key) {
    case "ebpf.instanceIPs":
      return ebpf.instanceIPs.map(formatAddress).join(",");
    case "redirect.inbound.excludePortsForIPs":
      return redirect.inbound.excludePortsForIPs.map(formatPrefix);
    case "redirect.outbound.excludePortsForIPs":
      return redirect.outbound.excludePortsForIPs.map(formatPrefix);
    case "redirect.outbound.excludePortsForUIDs":
      return redirect.outbound.excludePortsForUIDs.map(writeRule);
    case "redirect.vnet.networks":
      return redirect.vnet.networks.map(
        ({ interface: name, prefix }) => `${name}:${formatAddress(prefix.address)}/${prefix.length}`,
      );
    case "retry.sleepBetweenRetriesMs":
      return writeDuration(retry.sleepBetweenRetriesMs);
    case "iptablesExecutables":
      return { ...config.iptablesExecutables };
    default:
      return plainValue(key, config);
  }
}

/** A setting that is written as it is. */
function plainValue(key: SettingName, config: Config): string | number | boolean | readonly number[] {
  let value: unknown = config;
  for (const name of key.split("."))
    value = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value) && value.every((each) => typeof each === "number")) return value;
  throw new Error(`there is no form to write ${key} in`);
}

function writeRule({ protocol, ports, uids }: UserExclusion): string {
  return `${protocol}:${writeRanges(ports)}:${writeRanges(uids)}`;
}

function writeRanges(ranges: readonly NumberRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

function writeDuration(milliseconds: number): string {
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}
