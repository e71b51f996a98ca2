// SPDX-License-Identifier: Apache-2.0

const BASE: Readonly<Record<string, readonly string[]>> = {
  "-p": ["--protocol", "--proto"],
  "-s": ["--source", "--src"],
  "-d": ["--destination", "--dst"],
  "-i": ["--in-interface"],
  "-o": ["--out-interface"],
};

const PORTS = { "--sport": ["--source-port"], "--dport": ["--destination-port"] };

/** What we know of the modules that our rules use, with other names of the same option. */
const MODULES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  comment: { "--comment": [] },
  tcp: PORTS,
  udp: PORTS,
  multiport: { "--sports": ["--source-ports"], "--dports": ["--destination-ports"], "--ports": [] },
  owner: { "--uid-owner": [], "--gid-owner": [] },
  conntrack: { "--ctstate": [] },
  LOG: { "--log-prefix": [], "--log-level": [] },
  REDIRECT: { "--to-ports": ["--to-port"] },
  CT: { "--zone": [] },
};

/** The short name of an option that every rule may have; all of them take a value. */
export function baseOption(word: string): string | undefined {
  return find(BASE, word);
}

export function jumpOption(word: string): "jump" | "goto" | undefined {
  if (word === "-j" || word === "--jump") return "jump";
  return word === "-g" || word === "--goto" ? "goto" : undefined;
}

/** The short name of an option of a match or a target; all that we know take a value. */
export function moduleOption(module: string, word: string): string | undefined {
  const options = Object.hasOwn(MODULES, module) ? MODULES[module] : undefined;
  return options === undefined ? undefined : find(options, word);
}

function find(options: Readonly<Record<string, readonly string[]>>, word: string): string | undefined {
  if (Object.hasOwn(options, word)) return word;
  return Object.keys(options).find((name) => options[name]?.includes(word));
}
