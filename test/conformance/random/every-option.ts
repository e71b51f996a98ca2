// Every option by itself: a value that changes something ("on"), and its default, given explicitly ("off").

import { join } from "node:path";
import type { SettingName } from "../../../src/config/setting.ts";
import { defaultOf } from "../../../src/config/settings.ts";
import type { EngineName } from "../../../src/engine/engine.ts";
import { projectRoot } from "../../support/project-files.ts";
import { PROXY_UID } from "../../support/world.ts";
import type { Settings } from "./configurations.ts";
import type { Nameservers } from "./nameservers.ts";
import { ANOTHER, APP } from "./places.ts";

export interface OptionCase {
  readonly title: string;
  readonly settings: Settings;
  /** Where "on": the setting that must have decided something. Where "off": the one that must not. */
  readonly on?: SettingName;
  readonly off?: SettingName;
  readonly only?: EngineName;
}

interface Option {
  readonly on: string;
  /** Where it is not the default. */
  readonly off?: string;
  /** What it needs to have a meaning. */
  readonly beside?: Settings;
  /** Where one engine alone has it. */
  readonly only?: EngineName;
  /** Decisions never name it: it says where something goes, or how the rules are written. Or only "on" tells. */
  readonly silent?: "always" | "off";
}

/** Not tried here, and where they are. */
type Elsewhere =
  | "engine" // what this suite is about: every way names its own
  | "ebpf.enabled" // the same
  | "iptablesExecutables" // the same
  | "ebpf.cgroupPath" // the scene's own in every case
  | "ebpf.bpffsPath" // the same
  | "storeFirewalld" // of the host's own network namespace: test/lifecycle/store-firewalld.test.ts
  | "dryRun"; // changes nothing: test/lifecycle/dry-run.test.ts, iptables-dry-run.test.ts

const ALL_DNS: Settings = { "redirect.dns.captureAll": "true" };

function options(nameservers: Nameservers["files"]): Record<Exclude<SettingName, Elsewhere>, Option> {
  const servers: Settings = { "redirect.dns.resolvConfigPath": nameservers[0] };
  return {
    kumaDPUser: { on: String(ANOTHER), off: String(PROXY_UID), silent: "always" },
    ipFamilyMode: { on: "ipv4" },
    verbose: { on: "true", silent: "always" },
    "redirect.inbound.enabled": { on: "false" },
    "redirect.inbound.port": { on: "25006", silent: "always" },
    "redirect.inbound.includePorts": { on: "80,8080" },
    "redirect.inbound.excludePorts": { on: "1,65535" },
    "redirect.inbound.excludePortsForIPs": { on: "10.66.0.2,fd66::/127" },
    "redirect.inbound.insertRedirectInsteadOfAppend": { on: "true", silent: "always" },
    "redirect.outbound.enabled": { on: "false" },
    "redirect.outbound.port": { on: "25001", silent: "always" },
    "redirect.outbound.includePorts": { on: "80,8080" },
    "redirect.outbound.excludePorts": { on: "1,65535" },
    "redirect.outbound.excludePortsForIPs": { on: "10.66.0.2,fd66::2/127" },
    "redirect.outbound.excludePortsForUIDs": { on: `tcp:1-80:${APP}` },
    "redirect.outbound.insertRedirectInsteadOfAppend": { on: "true", silent: "always" },
    "redirect.whenProxyDown": { on: "bypass", silent: "always", only: "ebpf" },
    "redirect.vnet.networks": { on: "eth1:10.66.1.0/24,eth1:fd66:1::/64" },
    // Where DNS is left alone, this is the option that would redirect it.
    "redirect.dns.enabled": { on: "true", beside: servers, silent: "off" },
    "redirect.dns.captureAll": { on: "true", beside: servers },
    "redirect.dns.port": { on: "25053", beside: ALL_DNS, silent: "always" },
    "redirect.dns.skipConntrackZoneSplit": { on: "true", beside: ALL_DNS, silent: "always" },
    "redirect.dns.resolvConfigPath": {
      on: nameservers[1],
      off: nameservers[0],
      beside: { "redirect.dns.enabled": "true" },
      silent: "always",
    },
    "ebpf.instanceIPs": { on: "10.66.0.1,fd66::1" },
    "ebpf.tcAttachIface": { on: "eth1" },
    "ebpf.programsSourcePath": { on: join(projectRoot, "dist/bpf"), silent: "always" },
    dropInvalidPackets: { on: "true", silent: "always" },
    "log.enabled": { on: "true", silent: "always" },
    "log.level": { on: "4", beside: { "log.enabled": "true" }, silent: "always" },
    "comments.disabled": { on: "true", silent: "always" },
    wait: { on: "0", silent: "always" },
    waitInterval: { on: "1000", silent: "always" },
    "retry.maxRetries": { on: "0", silent: "always" },
    "retry.sleepBetweenRetriesMs": { on: "10ms", silent: "always" },
  };
}

export function everyOption(nameservers: Nameservers["files"]): OptionCase[] {
  return Object.entries(options(nameservers)).flatMap(([name, option]) => {
    const key = name as SettingName;
    const { on, off = defaultOf(key), beside, silent, only } = option;
    const common = only === undefined ? {} : { only };
    const proxy = { kumaDPUser: String(PROXY_UID), ...beside };
    return [
      {
        ...common,
        title: `${key}: ${on}`,
        settings: { ...proxy, [key]: on },
        ...(silent === "always" ? {} : { on: key }),
      },
      {
        ...common,
        title: `${key}: ${off || "nothing"}`,
        settings: { ...proxy, [key]: off },
        ...(silent === undefined ? { off: key } : {}),
      },
    ];
  });
}
