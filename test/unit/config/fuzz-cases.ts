// Configurations that nobody would write, made from a number: the same number makes the same one.

import { INSTALL_FLAGS } from "../../../src/cli/command-flags.ts";
import { fileKeyOf, type ValueKind, variableOf } from "../../../src/config/setting.ts";
import { GIVABLES } from "../../../src/config/settings.ts";

export interface FuzzCase {
  readonly words: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly stdin: string | Buffer;
}

export function makeCase(seed: number): FuzzCase {
  const random = new Random(seed);
  return {
    words: random.times(6, () => makeFlag(random)),
    variables: Object.fromEntries(random.times(4, () => makeVariable(random))),
    stdin: makeFile(random),
  };
}

/** mulberry32: small, and the same everywhere. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.below(from.length)] ?? from[0];
  }

  times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

/** Good values and bad ones, from both of which broken ones are made. */
const TEXTS = [
  ...[
    "",
    "0",
    "1",
    "80",
    "65535",
    "65536",
    "15001",
    "15006",
    "080",
    "0x50",
    "-1",
    "1.5",
    "1e3",
    "٣",
    "４",
    "NaN",
    " 80 ",
  ],
  ...[
    "true",
    "false",
    "T",
    "yes",
    "on",
    "maybe",
    "null",
    "~",
    "ebpf",
    "auto",
    "IPv4",
    "dualstack",
    "2s",
    "1m30s",
    "-2s",
    "9999999h",
  ],
  ...[
    "80,443",
    ",",
    "80,,443",
    "1-5",
    "5-1",
    "tcp:80:1000",
    "udp:53,5353:1-2",
    "tcp:*:5",
    "a:b:c:d",
    "::1",
    "tcp::1;2;:3:",
    "*:*:*",
  ],
  ...["80:1000,443:1001", "tcp:80:1,udp:53:2", "4294967294", "4294967295", "99999999999999999999"],
  ...[
    "10.0.0.1",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "010.0.0.1",
    "fd00::1",
    "fe80::1%eth0",
    "::ffff:10.0.0.1/120",
    "::/0",
    "1.2.3",
  ],
  ...[
    "docker0:172.17.0.0/16",
    "br+:fd00::/64",
    "eth0:10.0.0.1",
    ":10.0.0.0/8",
    "a b:10.0.0.0/8",
    "-x:1.0.0.0/8",
  ],
  ...[
    "iptables:/a,iptables-save:/b,iptables-restore:/c",
    "iptables:",
    "nft:/a",
    "/run/kuma/bpf",
    "../x",
    "a\0b",
    "\ud800",
    "\u2028",
  ],
  ...[
    "*a",
    "&a 1",
    "{}",
    "[]",
    "[1, 2]",
    "{a: 1}",
    "!!binary x",
    "# x",
    "'",
    '"',
    "|",
    ">",
    "%",
    "@",
    "`",
    "- 1",
    "? x",
    "<<",
    "INSTANCE_IP",
  ],
] as const;

/** For each kind of value some that are right. */
const GOOD: Readonly<Record<ValueKind, readonly [string, ...string[]]>> = {
  boolean: ["true", "false", "T", "0"],
  port: ["1", "80", "15010", "65535"],
  number: ["0", "3", "7"],
  ports: ["", "80", "80,443", " 443, 80 ", "65535"],
  text: ["", "eth0", "INSTANCE_IP"],
  path: ["/a", "b/../c", "/run/kuma/bpf"],
  user: ["", "5678", "kuma-dp"],
  mode: ["dualstack", "IPv4"],
  engine: ["", "auto", "ebpf", "iptables"],
  proxyDown: ["refuse", "bypass"],
  addresses: ["", "10.0.0.1", "10.0.0.1,fd00::1", "::ffff:10.0.0.2"],
  prefixes: ["", "10.0.0.1", "10.0.0.5/8,fd00::/8", "::ffff:10.0.0.1/120", "::/0"],
  rules: ["", "1000", "tcp:80:1000", "80,8000-8080:1-2;udp::5", "tcp:80:1,udp:53:2"],
  networks: ["", "docker0:172.17.0.0/16", "br+:fd00::/64,x:10.0.0.0/8"],
  executables: ["", "iptables:/a,iptables-save:/b,iptables-restore:/c"],
  duration: ["0", "2s", "1m30s", "500ms", "1.5ms"],
};

/** Mostly a right one. */
function makeValue(random: Random, kind: ValueKind): string {
  return random.below(6) > 0 ? random.pick(GOOD[kind]) : makeText(random);
}

function makeText(random: Random): string {
  const text = random.pick(TEXTS);
  switch (random.below(12)) {
    case 0:
      return text + random.pick(TEXTS);
    case 1:
      return `${text}${random.pick([",", ";", ":", "-", "/", "%", "\n"])}${random.pick(TEXTS)}`;
    case 2:
      return text.slice(0, random.below(text.length + 1));
    case 3:
      return text.repeat(random.below(50));
    case 4:
      return String.fromCodePoint(...random.times(8, () => random.below(0x3000)));
    default:
      return text;
  }
}

function makeFlag(random: Random): string {
  if (random.below(3) === 0) return `--config=${random.below(3) > 0 ? "-" : makeYaml(random)}`;
  const setting = makeSetting(random);
  const flag = setting.flags[random.below(setting.flags.length)] ?? random.pick(FLAGS);
  if (flag.argument === undefined && random.below(2) === 0) return `--${flag.name}`;
  return `--${flag.name}=${makeValue(random, setting.kind)}`;
}

function makeSetting(random: Random): (typeof GIVABLES)[number] {
  const setting = GIVABLES[random.below(GIVABLES.length)];
  if (setting === undefined) throw new Error("there are no settings");
  return setting;
}

const [first, ...others] = INSTALL_FLAGS;
if (first === undefined) throw new Error("install has no flags");
const FLAGS = [first, ...others] as const;

function makeVariable(random: Random): readonly [string, string] {
  const setting = makeSetting(random);
  const value = makeValue(random, setting.kind);
  if (random.below(8) > 0) return [variableOf(setting), value];
  return [
    random.pick(["INSTANCE_IP", "KUMA_TRANSPARENT_PROXY_", "KUMA_TRANSPARENT_PROXY_WIAT", "HOME"]),
    value,
  ];
}

function makeFile(random: Random): string | Buffer {
  const text = makeYaml(random);
  switch (random.below(24)) {
    case 0:
      return text.slice(0, random.below(text.length));
    case 1:
      return Buffer.from(random.times(200, () => random.below(256)));
    case 2:
      return makeText(random);
    case 3: {
      const at = random.below(text.length);
      return text.slice(0, at) + makeText(random) + text.slice(at + random.below(4));
    }
    default:
      return text;
  }
}

/** YAML in flow style for the most part: each setting on a line of its own, since keys that are there twice are an error. */
function makeYaml(random: Random): string {
  if (random.below(3) === 0) return JSON.stringify(nest(random), undefined, random.below(2) === 0 ? 0 : "\t");
  const lines = random.times(3, () => {
    const setting = makeSetting(random);
    const names = random.below(10) === 0 ? ["redirect", "inbund"] : fileKeyOf(setting).split(".");
    const value =
      random.below(4) > 0 ? JSON.stringify(makeValue(random, setting.kind)) : makeYamlValue(random);
    return `${names.join(": {")}: ${value}${"}".repeat(names.length - 1)}`;
  });
  return `${lines.join("\n")}\n`;
}

function makeYamlValue(random: Random): string {
  const text = makeText(random);
  switch (random.below(4)) {
    case 0:
      return JSON.stringify(text);
    case 1:
      return `[${random.times(4, () => JSON.stringify(makeText(random))).join(", ")}]`;
    case 2:
      return random.pick([
        "&a [1, *a]",
        "*a",
        "&a 1",
        "[[80]]",
        "{iptables: /a}",
        "!!int 3",
        "|\n x",
        "0o17",
        ".inf",
        "12:30",
      ]);
    default:
      return text;
  }
}

/** Tables that fit together, with values of all kinds. */
function nest(random: Random): unknown {
  const tree: Record<string, unknown> = {};
  for (const setting of random.times(5, () => makeSetting(random))) {
    const path = fileKeyOf(setting).split(".");
    const last = path.pop() ?? "";
    let table = tree;
    for (const name of path) {
      const below = table[name];
      const next: Record<string, unknown> = isTable(below) ? below : {};
      table[name] = next;
      table = next;
    }
    table[last] =
      random.below(6) > 0
        ? makeValue(random, setting.kind)
        : random.pick<unknown>([
            makeText(random),
            random.below(70_000),
            random.below(2) === 0,
            null,
            [80, "443"],
            { a: [1] },
            [[]],
          ]);
  }
  return tree;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
