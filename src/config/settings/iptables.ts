// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const IPTABLES_SETTINGS: readonly Setting[] = [
  {
    key: "dropInvalidPackets",
    env: "DROP_INVALID_PACKETS",
    kind: "boolean",
    default: "false",
    flags: [{ name: "drop-invalid-packets", help: "drop packets that conntrack finds invalid" }],
  },
  {
    key: "storeFirewalld",
    env: "STORE_FIREWALLD",
    kind: "boolean",
    default: "false",
    flags: [
      {
        name: "store-firewalld",
        help: "let firewalld keep the rules, which brings them back when it starts",
      },
    ],
  },
  {
    key: "log.enabled",
    env: "LOG_ENABLED",
    kind: "boolean",
    default: "false",
    flags: [{ name: "iptables-logs", help: "log every packet in the kernel's log" }],
  },
  {
    key: "log.level",
    env: "LOG_LEVEL",
    kind: "number",
    meaning: "the level of those messages, 0 (emergency) to 7 (debug)",
    default: "7",
    flags: [],
  },
  {
    key: "comments.disabled",
    env: "COMMENTS_DISABLED",
    kind: "boolean",
    default: "false",
    flags: [{ name: "disable-comments", help: "write iptables rules without comments" }],
  },
  {
    key: "wait",
    env: "WAIT",
    kind: "number",
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
    env: "WAIT_INTERVAL",
    kind: "number",
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
    env: "RETRY_MAX_RETRIES",
    kind: "number",
    default: "4",
    flags: [
      { name: "max-retries", argument: "NUMBER", help: "how often a failed iptables-restore is run again" },
    ],
  },
  {
    key: "retry.sleepBetweenRetriesMs",
    fileKey: "retry.sleepBetweenRetries",
    env: "RETRY_SLEEP_BETWEEN_RETRIES",
    kind: "duration",
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
    env: "IPTABLES_EXECUTABLES",
    kind: "executables",
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
