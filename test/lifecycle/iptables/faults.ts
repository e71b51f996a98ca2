// What may go wrong with iptables, and what is said then.

import type { ErrorCode } from "../../../src/core/errors.ts";
import type { Mode } from "../../../src/engine/iptables/executables.ts";
import type { Bench } from "./bench.ts";

export interface Fault {
  readonly title: string;
  readonly modes: readonly Mode[];
  readonly arrange: (bench: Bench) => Promise<void> | void;
  readonly flags?: readonly string[];
  readonly code: ErrorCode;
  readonly words: readonly RegExp[];
  /** Besides what gives the programs back. */
  readonly mend?: (bench: Bench) => Promise<void> | void;
}

const BOTH: readonly Mode[] = ["nft", "legacy"];

export const FAULTS: readonly Fault[] = [
  {
    title: "no iptables at all",
    modes: ["nft"],
    arrange: (bench) => bench.hide(/tables/),
    code: "IPTABLES_UNUSABLE",
    words: [
      /there is no usable iptables/,
      /neither iptables-nft nor iptables is there/,
      /apt-get install iptables/,
    ],
  },
  {
    title: "only iptables-restore missing",
    modes: ["nft"],
    arrange: (bench) => bench.hide(/^iptables-(nft-|legacy-)?restore$/),
    code: "IPTABLES_UNUSABLE",
    words: [/neither iptables-nft-restore nor iptables-restore is there/],
  },
  {
    title: "a named iptables-restore missing",
    modes: ["legacy"],
    arrange: (bench) => bench.hide(/^iptables-legacy-restore$/),
    code: "CONFIG_INVALID",
    words: [/\/usr\/sbin\/iptables-legacy-restore does not exist/],
  },
  {
    title: "ip6tables missing while there are IPv6 addresses",
    modes: ["nft"],
    arrange: (bench) => bench.hide(/^ip6tables/),
    code: "IPTABLES_UNUSABLE",
    words: [/IPv6 cannot be redirected: neither ip6tables-nft/, /fd66::1/, /--ip-family-mode ipv4/],
  },
  {
    title: "half a family named",
    modes: ["nft"],
    arrange: () => {},
    flags: ["--iptables-executables=iptables:/usr/sbin/iptables-legacy"],
    code: "CONFIG_INVALID",
    words: [/iptables-save and iptables-restore are missing: give all three of iptables/],
  },
  {
    title: "IPv6 refused when IPv4 was applied",
    modes: BOTH,
    arrange: (bench) =>
      bench.replace(bench.program("restore", 6), "cat >/dev/null; echo 'no IPv6 today' >&2; exit 1"),
    code: "IPTABLES_FAILED",
    words: [/ip6tables-(nft|legacy)-restore: exit status 1: no IPv6 today/],
  },
  {
    title: "IPv6 applied, but said to have failed",
    modes: BOTH,
    arrange: (bench) =>
      bench.replace(bench.program("restore", 6), failOnce('"$real" "$@"; echo "too late" >&2; exit 1')),
    code: "IPTABLES_FAILED",
    words: [/exit status 1: too late/],
  },
  {
    title: "IPv6's restore killed half way",
    modes: BOTH,
    arrange: (bench) =>
      bench.replace(bench.program("restore", 6), failOnce('sed "/^COMMIT/q" | "$real" "$@"; kill -9 $$')),
    code: "IPTABLES_FAILED",
    words: [/killed by SIGKILL/, /ended from outside/],
  },
  {
    title: "a later table refused",
    modes: BOTH,
    arrange: (bench) =>
      bench.replace(
        bench.program("restore"),
        `sed 's/^\\* mangle/* mangle\\n-A PREROUTING --no-such-option/' | "$real" "$@"`,
      ),
    code: "IPTABLES_FAILED",
    words: [/unknown option "--no-such-option"/, /line \d+: /],
  },
  ...([4, 6] as const).map(
    (family): Fault => ({
      title: `IPv${family} said to be applied, but nothing is`,
      modes: BOTH,
      arrange: (bench) => bench.replace(bench.program("restore", family), "cat >/dev/null"),
      code: "IPTABLES_FAILED",
      words: [/-restore succeeded, but the kernel does not have all rules: .*drop|ctstate INVALID/],
    }),
  ),
  {
    title: "a rule that iptables refuses, its extensions being elsewhere",
    modes: BOTH,
    arrange: (bench) => bench.replace(bench.program("restore"), 'XTABLES_LIBDIR=/nowhere exec "$real" "$@"'),
    code: "IPTABLES_FAILED",
    words: [
      /Couldn't load (match|target) `\w+'|unknown option "--to-ports"/,
      /line \d+: -[AD] (KUMA_MESH_|\w+ .*kuma\/mesh)/,
    ],
  },
  {
    title: "a table nat that iptables cannot express",
    modes: ["nft"],
    arrange: async ({ world }) => {
      await world.run(["nft", "add rule ip nat OUTPUT tcp dport 81 dnat to 10.66.0.2:80"], { cgroup: false });
    },
    code: "IPTABLES_FAILED",
    words: [/the table nat of IPv4 cannot be read/, /`nft list table ip nat` shows them/],
    mend: async ({ world }) => {
      const list = await world.run(["nft", "-a", "list", "chain", "ip", "nat", "OUTPUT"], { cgroup: false });
      const handle = /dnat to .* # handle (\d+)/.exec(list.stdout)?.[1] ?? "";
      await world.run(["nft", `delete rule ip nat OUTPUT handle ${handle}`], { cgroup: false });
    },
  },
];

/** A script that does so the first time, and afterwards what the program does: so that an undoing can work. */
function failOnce(script: string): string {
  return `if [ ! -e "$0.failed" ]; then : >"$0.failed"; ${script}; fi; exec "$real" "$@"`;
}
