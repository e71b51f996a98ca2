// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const GENERAL_SETTINGS: readonly Setting[] = [
  {
    key: "kumaDPUser",
    env: "KUMA_DP_USER",
    kind: "user",
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
    env: "IP_FAMILY_MODE",
    kind: "mode",
    default: "dualstack",
    flags: [
      { name: "ip-family-mode", argument: "MODE", help: '"dualstack", or "ipv4" to leave IPv6 alone' },
      {
        name: "ipv6-disabled",
        help: "as --ip-family-mode=ipv4",
        hidden: true,
        deprecated: "--ipv6-disabled is deprecated; --ip-family-mode=ipv4 says the same",
        toValue: (text) => (/^(1|t|true)$/i.test(text) ? "ipv4" : undefined),
      },
      {
        name: "redirect-inbound-port-v6",
        argument: "PORT",
        help: "0 is as --ip-family-mode=ipv4",
        hidden: true,
        deprecated:
          "--redirect-inbound-port-v6 does nothing but 0, which is --ip-family-mode=ipv4: " +
          "--redirect-inbound-port is for both families",
        toValue: (text) => (text === "0" ? "ipv4" : undefined),
      },
    ],
  },
  {
    key: "engine",
    env: "ENGINE",
    kind: "engine",
    default: "",
    flags: [
      {
        name: "engine",
        argument: "ENGINE",
        help: '"ebpf", "iptables", or "auto" for the best that works here',
        defaultText: "iptables; with --ebpf-enabled eBPF where it works",
      },
    ],
  },
  {
    key: "dryRun",
    env: "DRY_RUN",
    kind: "boolean",
    default: "false",
    flags: [{ name: "dry-run", help: "change nothing, print what would be done" }],
  },
  {
    key: "verbose",
    env: "VERBOSE",
    kind: "boolean",
    default: "false",
    flags: [{ name: "verbose", help: "say more, and everything about an error" }],
  },
];
