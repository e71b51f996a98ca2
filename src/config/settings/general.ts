// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const GENERAL_SETTINGS: readonly Setting[] = [
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
    key: "engine",
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
    default: "false",
    flags: [{ name: "dry-run", help: "change nothing, print what would be done" }],
  },
  {
    key: "verbose",
    default: "false",
    flags: [{ name: "verbose", help: "say more, and everything about an error" }],
  },
];
