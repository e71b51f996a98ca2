// Values that try to become more than one value: a second argument, a second line, a second rule, a command.

/** Text that a shell, a line format or a terminal would take for more than it is. */
const TRICKS = [
  "1000\nCOMMIT\n*filter\n-A INPUT -j DROP\nCOMMIT",
  "1000 -j DROP",
  '1000" -j DROP "',
  "-j",
  "1;touch /run/hostile",
  "$(touch /run/hostile)",
  "`touch\t/run/hostile`",
  "\u0001\u001b[31mred\u0007",
  "1\u2028-j",
  "１０００",
  "1000\\",
  "9".repeat(40_000),
] as const;

/** The flags, how a trick gets into the middle of a value of theirs. */
const OPTIONS: readonly {
  readonly flag: string;
  readonly forms: readonly ((trick: string) => string)[];
}[] = [
  {
    flag: "--vnet",
    forms: [
      (trick) => `${trick}:10.0.0.0/8`,
      (trick) => `eth0:${trick}`,
      (trick) => `eth0:10.0.0.0/8${trick}`,
    ],
  },
  {
    flag: "--exclude-inbound-ips",
    forms: [(trick) => trick, (trick) => `10.0.0.1${trick}`],
  },
  {
    flag: "--exclude-outbound-ips",
    forms: [(trick) => trick, (trick) => `10.0.0.0/8${trick}`],
  },
  {
    flag: "--exclude-outbound-ports-for-uids",
    forms: [(trick) => `tcp:80:${trick}`, (trick) => `tcp:${trick}:5`, (trick) => `${trick}:80:5`],
  },
  {
    flag: "--iptables-executables",
    forms: [
      (trick) => ["", "-save", "-restore"].map((name) => `iptables${name}:/usr/sbin/${trick}`).join(),
      (trick) => `${trick}:/usr/sbin/iptables`,
    ],
  },
  { flag: "--kuma-dp-user", forms: [(trick) => trick, (trick) => `5678${trick}`] },
  {
    flag: "--redirect-dns-port",
    forms: [(trick) => trick, (trick) => `15053${trick}`],
  },
  {
    flag: "--exclude-inbound-ports",
    forms: [(trick) => `80,${trick}`],
  },
  { flag: "--ebpf-tc-attach-iface", forms: [(trick) => trick] },
];

/** All values of each option. */
export const HOSTILE: readonly { readonly flag: string; readonly values: readonly string[] }[] = OPTIONS.map(
  ({ flag, forms }) => ({ flag, values: forms.flatMap((form) => TRICKS.map((trick) => form(trick))) }),
);

/** Names that the kernel takes for an interface, and text formats do not. */
export const HOSTILE_NAMES = [
  ...[
    "-j",
    "x;y",
    '"q"',
    "a\\b",
    "`id`",
    "$(id)",
    "--help",
    "!x",
    "a,b",
    "ü",
    "x+",
    "#c",
    "*nat",
    "%s",
    "null",
    "'s'",
  ],
  "\u0001x",
];

/** Names that --vnet takes, since they are one word to iptables-restore, too. */
export const ODD_NAMES = ["x;y", "$(id)", "a&b", "*nat", "#c", "{x}", "<x>", "x|y", "%s", "COMMIT"];
