// SPDX-License-Identifier: Apache-2.0
import { baseOption, jumpOption, moduleOption } from "./options.ts";
import { tokenize } from "./tokenize.ts";

/** An option and its value, under the one name that it has for us. */
export interface Option {
  readonly name: string;
  readonly not: boolean;
  readonly value: string;
}

/** A match module or a target, with what was said of it. */
export interface Module {
  readonly name: string;
  readonly options: readonly Option[];
  /** Words that we cannot tell the meaning of, as they are. */
  readonly unknown: readonly string[];
}

/** A rule's specification, taken apart. */
export interface ParsedSpec {
  /** Protocol, addresses and interfaces. */
  readonly base: readonly Option[];
  /** In the order in which the kernel asks them. */
  readonly matches: readonly Module[];
  readonly target: (Module & { readonly how: "jump" | "goto" }) | undefined;
  /** Words before any module that we cannot tell the meaning of. */
  readonly unknown: readonly string[];
}

interface OpenModule extends Module {
  readonly options: Option[];
  readonly unknown: string[];
}

/** What follows `-A CHAIN `: our own text, or that of iptables-save. */
export function parseSpec(spec: string): ParsedSpec {
  return new SpecReader(tokenize(spec)).read();
}

class SpecReader {
  readonly #tokens: readonly string[];
  #at = 0;
  readonly #base: Option[] = [];
  readonly #matches: OpenModule[] = [];
  readonly #unknown: string[] = [];
  #target: (OpenModule & { readonly how: "jump" | "goto" }) | undefined;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  read(): ParsedSpec {
    while (this.#at < this.#tokens.length) this.#readOption();
    return { base: this.#base, matches: this.#matches, target: this.#target, unknown: this.#unknown };
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? "";
  }

  #readOption(): void {
    const word = this.#next();
    const not = word === "!";
    const name = not ? this.#next() : word;
    if (name === "-m" || name === "--match") {
      if (not) this.#addUnknown(["!"]);
      this.#matches.push({ name: this.#next(), options: [], unknown: [] });
      return;
    }
    const how = jumpOption(name);
    if (how !== undefined && !not && this.#target === undefined) {
      this.#target = { name: this.#next(), options: [], unknown: [], how };
      return;
    }
    const base = baseOption(name);
    if (base !== undefined) this.#base.push({ name: base, not, value: this.#next() });
    else this.#readModuleOption(name, not);
  }

  #readModuleOption(word: string, not: boolean): void {
    const found = this.#findOwner(word);
    if (found === undefined) {
      this.#addUnknown(not ? ["!", word] : [word]);
      return;
    }
    const [owner, name] = found;
    owner.options.push({ name, not, value: this.#next() });
  }

  /** iptables knows the options of all modules named so far, the latest first; see there for the two exceptions. */
  #findOwner(word: string): [OpenModule, string] | undefined {
    for (const module of [...(this.#target ? [this.#target] : []), ...this.#matches.toReversed()]) {
      const option = moduleOption(module.name, word);
      if (option !== undefined) return [module, option];
    }
    return this.#findAbbreviated(word) ?? this.#findImplicit(word);
  }

  /** `-m multiport -p tcp --dport 1,2`, as kumactl writes it: with no such option at hand, short for `--dports`. */
  #findAbbreviated(word: string): [OpenModule, string] | undefined {
    const multiport = this.#matches.findLast(({ name }) => name === "multiport");
    const option = moduleOption("multiport", `${word}s`);
    return multiport === undefined || option === undefined ? undefined : [multiport, option];
  }

  /** `-p tcp --dport 1`: the module of the protocol is meant. */
  #findImplicit(word: string): [OpenModule, string] | undefined {
    const protocol = this.#base.find(({ name, not }) => name === "-p" && !not)?.value.toLowerCase();
    const name = protocol === "udp" || protocol === "17" ? "udp" : "tcp";
    const isOther = protocol !== undefined && !["tcp", "6", "udp", "17"].includes(protocol);
    const option = moduleOption(name, word);
    if (option === undefined || isOther) return undefined;
    const module = { name, options: [], unknown: [] };
    this.#matches.push(module);
    return [module, option];
  }

  #addUnknown(words: readonly string[]): void {
    (this.#target ?? this.#matches.at(-1))?.unknown.push(...words);
    if (this.#target === undefined && this.#matches.length === 0) this.#unknown.push(...words);
  }
}
