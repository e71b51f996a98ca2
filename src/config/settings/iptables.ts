// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const IPTABLES_SETTINGS: readonly Setting[] = [
  {
    key: "dropInvalidPackets",
    default: "false",
    flags: [{ name: "drop-invalid-packets", help: "drop packets that conntrack finds invalid" }],
  },
  {
    key: "log.enabled",
    default: "false",
    flags: [{ name: "iptables-logs", help: "log every packet in the kernel's log" }],
  },
  { key: "log.level", default: "7", flags: [] },
  {
    key: "comments.disabled",
    default: "false",
    flags: [{ name: "disable-comments", help: "write iptables rules without comments" }],
  },
  {
    key: "wait",
    default: "5",
    flags: [
      {
        name: "wait",
        argument: "SECONDS",
        help: "how long iptables-legacy waits for the xtables lock; 0: it is not told to",
      },
    ],
  },
  {
    key: "waitInterval",
    default: "0",
    flags: [
      {
        name: "wait-interval",
        argument: "MICROSECONDS",
        help: "how often iptables-legacy tries to get the lock; 0: its own choice",
      },
    ],
  },
  {
    key: "retry.maxRetries",
    default: "4",
    flags: [
      { name: "max-retries", argument: "NUMBER", help: "how often a failed iptables-restore is run again" },
    ],
  },
  {
    key: "retry.sleepBetweenRetriesMs",
    default: "2s",
    flags: [
      {
        name: "sleep-between-retries",
        argument: "DURATION",
        help: "how long to wait before that (500ms, 2s)",
      },
    ],
  },
  {
    key: "iptablesExecutables",
    default: "",
    flags: [
      {
        name: "iptables-executables",
        argument: "LIST",
        repeatable: true,
        help: "NAME:PATH,NAME:PATH of iptables, -save and -restore, or of ip6tables: all three or none",
        defaultText: "found",
      },
    ],
  },
];
