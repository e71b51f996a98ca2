// The iptables of a network namespace of its own: nft and legacy, both families, and none of the machine's.

import { execa } from "execa";
import type { Family } from "../../../src/core/address.ts";

export const VARIANTS = ["nft", "legacy"] as const;
export type Variant = (typeof VARIANTS)[number];

/** Empties all tables that we write, our chains included: without --noflush that is what restoring nothing means. */
const NOTHING = ["raw", "nat", "mangle"].map((table) => `*${table}\nCOMMIT\n`).join("");

let made = 0;

export class OwnTables implements AsyncDisposable {
  readonly #netns = `tpt${process.pid}i${++made}`;

  static async create(): Promise<OwnTables> {
    const tables = new OwnTables();
    await execa("ip", ["netns", "add", tables.#netns]);
    return tables;
  }

  /** Nothing is there afterwards but a chain DOCKER_OUTPUT, if wanted. */
  async empty(variant: Variant, family: Family, dockerOutput = false): Promise<void> {
    const docker = dockerOutput ? "*nat\n:DOCKER_OUTPUT - [0:0]\nCOMMIT\n" : "";
    await this.#run(program(variant, family, "restore"), [], NOTHING + docker);
  }

  /** As the engine applies it. */
  async apply(variant: Variant, family: Family, text: string): Promise<void> {
    await this.#run(program(variant, family, "restore"), ["--noflush"], text);
  }

  save(variant: Variant, family: Family): Promise<string> {
    return this.#run(program(variant, family, "save"), [], "");
  }

  async #run(file: string, args: readonly string[], input: string): Promise<string> {
    const command = [`--net=/run/netns/${this.#netns}`, file, ...args];
    const { stdout } = await execa("nsenter", command, { input, timeout: 20_000 });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execa("ip", ["netns", "del", this.#netns]);
  }
}

function program(variant: Variant, family: Family, what: "restore" | "save"): string {
  return `${family === 4 ? "iptables" : "ip6tables"}-${variant}-${what}`;
}
