// SPDX-License-Identifier: Apache-2.0
import type { SettingKey } from "./config.ts";
import type { Flag } from "./flag.ts";

/** One setting: where it stands in the configuration, what it is by itself, and how it is given. */
export interface Setting {
  readonly key: SettingKey;
  /** In the form that a user would write; the schema reads it as it reads any other. */
  readonly default: string;
  /** All of its flags; the first is the one to use. Some settings have none and come from files alone. */
  readonly flags: readonly Flag[];
}

/** Every setting. A test holds this table and the schema together. */
export const SETTINGS: readonly Setting[] = [
  {
    key: "kumaDPUser",
    default: "",
    flags: [
      {
        name: "kuma-dp-user",
        argument: "USER",
        help: "the user that the proxy runs as, name or UID: its own connections are left alone",
        defaultText: "UID 5678, else the user kuma-dp",
      },
      {
        name: "kuma-dp-uid",
        argument: "UID",
        help: "as --kuma-dp-user",
        hidden: true,
        deprecated: "--kuma-dp-uid is deprecated; --kuma-dp-user takes names and UIDs",
      },
    ],
  },
  {
    key: "ipFamilyMode",
    default: "dualstack",
    flags: [{ name: "ip-family-mode", argument: "MODE", help: '"dualstack", or "ipv4" to leave IPv6 alone' }],
  },
  {
    key: "dryRun",
    default: "false",
    flags: [{ name: "dry-run", help: "change nothing, print what would be done" }],
  },
  {
    key: "verbose",
    default: "false",
    flags: [{ name: "verbose", help: "say more, and everything about an error" }],
  },
  {
    key: "redirect.inbound.enabled",
    default: "true",
    flags: [{ name: "redirect-inbound", help: "redirect inbound connections; =false for a gateway" }],
  },
  {
    key: "redirect.inbound.port",
    default: "15006",
    flags: [
      { name: "redirect-inbound-port", argument: "PORT", help: "where the proxy takes inbound connections" },
    ],
  },
  { key: "redirect.inbound.includePorts", default: "", flags: [] },
  {
    key: "redirect.inbound.excludePorts",
    default: "",
    flags: [
      {
        name: "exclude-inbound-ports",
        argument: "PORTS",
        help: "ports (80,443) whose inbound connections are left alone",
      },
    ],
  },
  { key: "redirect.outbound.enabled", default: "true", flags: [] },
  {
    key: "redirect.outbound.port",
    default: "15001",
    flags: [
      {
        name: "redirect-outbound-port",
        argument: "PORT",
        help: "where the proxy takes outbound connections",
      },
    ],
  },
  { key: "redirect.outbound.includePorts", default: "", flags: [] },
  {
    key: "redirect.outbound.excludePorts",
    default: "",
    flags: [
      {
        name: "exclude-outbound-ports",
        argument: "PORTS",
        help: "ports (80,443) whose outbound connections are left alone",
      },
    ],
  },
  {
    key: "ebpf.enabled",
    default: "false",
    flags: [{ name: "ebpf-enabled", help: "intercept with eBPF" }],
  },
  {
    key: "ebpf.instanceIPs",
    default: "",
    flags: [
      {
        name: "ebpf-instance-ip",
        argument: "IPS",
        repeatable: true,
        help: "addresses (10.0.0.2,fd00::2) whose inbound connections are redirected; repeatable",
        defaultText: "all of the network namespace",
      },
    ],
  },
  {
    key: "ebpf.tcAttachIface",
    default: "",
    flags: [
      {
        name: "ebpf-tc-attach-iface",
        argument: "NAME",
        help: "redirect inbound connections of this interface only, by tc",
        defaultText: "sk_lookup, else tc on all but loopback",
      },
    ],
  },
  {
    key: "ebpf.programsSourcePath",
    default: "",
    flags: [
      {
        name: "ebpf-programs-source-path",
        argument: "DIRECTORY",
        help: "where the eBPF objects are",
        defaultText: "those of the package",
      },
    ],
  },
  {
    key: "ebpf.cgroupPath",
    default: "",
    flags: [
      {
        name: "ebpf-cgroup-path",
        argument: "DIRECTORY",
        help: "the cgroup2 whose processes are redirected",
        defaultText: "the root of cgroup2, found",
      },
    ],
  },
  {
    key: "ebpf.bpffsPath",
    default: "/run/kuma/bpf",
    flags: [{ name: "ebpf-bpffs-path", argument: "DIRECTORY", help: "where the installation is pinned" }],
  },
];

/** Flags of `install` that set nothing. */
export const FLAGS_WITHOUT_EFFECT: readonly Flag[] = [
  {
    name: "experimental-transparent-proxy-engine",
    help: "does nothing",
    hidden: true,
    deprecated: "--experimental-transparent-proxy-engine does nothing; there is no other engine to choose",
  },
];

/** The default of a setting, as a user would write it. */
export function defaultOf(key: SettingKey): string {
  const setting = SETTINGS.find((candidate) => candidate.key === key);
  if (setting === undefined) throw new Error(`no setting ${key}`);
  return setting.default;
}

/** The flag that a setting is usually given by. */
export function mainFlagOf(key: SettingKey): Flag {
  const flag = SETTINGS.find((candidate) => candidate.key === key)?.flags[0];
  if (flag === undefined) throw new Error(`no flag for ${key}`);
  return flag;
}
