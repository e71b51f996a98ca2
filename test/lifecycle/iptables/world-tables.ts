// A world in which tproxyctl uses iptables of one kind, and what its tables hold.

import type { Family } from "../../../src/core/address.ts";
import { PROXY_UID, type Result, type RunOptions, World } from "../../support/world.ts";
import { LockDirectory, must } from "../iptables-support.ts";
import type { Variant } from "./own-tables.ts";

export const FAMILIES = [4, 6] as const;

export class WorldTables implements AsyncDisposable {
  readonly world: World;
  readonly variant: Variant;
  readonly #lock = new LockDirectory();

  private constructor(world: World, variant: Variant) {
    this.world = world;
    this.variant = variant;
  }

  /** @param setUp what the tables begin with; where it fails, nothing of the world is left */
  static async create(
    variant: Variant,
    setUp?: (tables: WorldTables) => Promise<unknown>,
  ): Promise<WorldTables> {
    const tables = new WorldTables(await World.create(), variant);
    try {
      await setUp?.(tables);
      return tables;
    } catch (error) {
      await tables[Symbol.asyncDispose]();
      throw error;
    }
  }

  program(family: Family, what: "" | "-save" | "-restore" = ""): string {
    return `/usr/sbin/${family === 4 ? "iptables" : "ip6tables"}-${this.variant}${what}`;
  }

  /** Runs a program in the service's namespace, which must work. */
  must(args: readonly string[], options: RunOptions = {}): Promise<string> {
    return must(this.world, args, { env: this.#lock.env, ...options });
  }

  iptables(family: Family, ...args: readonly string[]): Promise<string> {
    return this.must([this.program(family), ...args]);
  }

  /** Adds what a text says to what is there, with the counters that it gives. */
  async restore(family: Family, text: string): Promise<void> {
    const args = [this.program(family, "-restore"), "--noflush", "--counters"];
    await this.must(args, { input: `${text}\n` });
  }

  /** Empties all tables, and removes all chains that somebody made. */
  async empty(): Promise<void> {
    const tables = ["raw", "mangle", "nat", "filter", "security"];
    const text = tables.map((table) => `*${table}\nCOMMIT\n`).join("");
    for (const family of FAMILIES) await this.must([this.program(family, "-restore")], { input: text });
  }

  /** Lines of `iptables-save -c`, without remarks and without the counters of chains, which any packet moves. */
  async save(family: Family): Promise<string[]> {
    const text = await this.must([this.program(family, "-save"), "-c"]);
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return lines.map((line) => (line.startsWith(":") ? line.replace(/ \[\d+:\d+\]$/, "") : line));
  }

  async saveBoth(): Promise<Readonly<Record<Family, readonly string[]>>> {
    return { 4: await this.save(4), 6: await this.save(6) };
  }

  tproxyctl(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.world.tproxyctl(args, { env: this.#lock.env, ...options });
  }

  installArguments(...flags: readonly string[]): string[] {
    return [
      "install",
      "transparent-proxy",
      "--engine=iptables",
      ...this.#executables(),
      ...this.#user(),
      ...flags,
    ];
  }

  #user(): string[] {
    return ["--kuma-dp-user", String(PROXY_UID)];
  }

  #executables(): string[] {
    const all = FAMILIES.flatMap((family) =>
      (["", "-save", "-restore"] as const).map((what) => {
        const name = family === 4 ? "iptables" : "ip6tables";
        return `${name}${what}:${this.program(family, what)}`;
      }),
    );
    return ["--iptables-executables", all.join(",")];
  }

  async install(...flags: readonly string[]): Promise<Result> {
    return mustWork(await this.tproxyctl(this.installArguments(...flags)));
  }

  async uninstall(): Promise<Result> {
    return mustWork(await this.tproxyctl(["uninstall", "transparent-proxy"]));
  }

  async status(): Promise<Result> {
    return this.tproxyctl(["status"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    this.#lock[Symbol.dispose]();
  }
}

export function mustWork(result: Result): Result {
  if (result.exitCode !== 0) throw new Error(`exit status ${result.exitCode}: ${result.stderr}`);
  return result;
}

/** Whether a line is of an installation with comments: found without any of our code. */
export function isMarkedOurs(line: string): boolean {
  const chain = "KUMA_MESH_[A-Z_]+";
  const shape = `^:${chain} | -A ${chain} | -j ${chain}$|--comment "kuma/mesh/transparent/proxy/`;
  return new RegExp(shape).test(line);
}

/** Rules alone, without their counters: what was made, whoever counted. */
export function rulesOf(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^\[\d+:\d+\] /, ""));
}

/** Whether somebody sent something through a rule, or gave it counters. */
export function isCounted(line: string): boolean {
  return /^\[(?!0:0\])/.test(line);
}
