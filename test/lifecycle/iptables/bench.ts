// A namespace to try the iptables engine's failures in: with a /run and a /usr/sbin of its own, so that programs can be
// hidden or replaced, and everything that is left in /run is seen.

import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Mode } from "../../../src/engine/iptables/executables.ts";
import { makeTrustedDirectory } from "../../support/trusted-directory.ts";
import { PROXY_UID, type Result, type RunOptions, World } from "../../support/world.ts";
import { PrivateMounts } from "../private-mounts.ts";

const SYSTEM = "/usr/sbin";

/** All that an installation consists of, in an order that can be compared. */
export interface Trace {
  /** `IPv4 nft nat -A OUTPUT …` and `IPv4 nft nat :CHAIN`, in the kernel's order; tables and chains of the system not. */
  readonly rules: readonly string[];
  /** Of lo. */
  readonly addresses: readonly string[];
  /** Below /run, but for the lock of iptables itself; what is ours with what is in it. */
  readonly files: readonly string[];
}

export class Bench implements AsyncDisposable {
  readonly world: World;
  readonly mode: Mode;
  readonly mounts: PrivateMounts;
  /** For whatever the test needs; everybody can read it. */
  readonly directory: string;

  private constructor(world: World, mode: Mode, mounts: PrivateMounts, directory: string) {
    this.world = world;
    this.mode = mode;
    this.mounts = mounts;
    this.directory = directory;
  }

  static async create(mode: Mode = "nft"): Promise<Bench> {
    const directory = makeTrustedDirectory("bench");
    const world = await World.create(async (made) => {
      made.defer(async () => rmSync(directory, { recursive: true }));
      chmodSync(directory, 0o755);
    });
    try {
      const mounts = await PrivateMounts.create(world);
      const bench = new Bench(world, mode, mounts, directory);
      await bench.#replacePrograms();
      return bench;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The system's programs are links to where the originals are now: files of ours can stand in their place. */
  async #replacePrograms(): Promise<void> {
    const [links, originals] = [this.#path("sbin"), this.#path("original")];
    for (const path of [links, originals]) mkdirSync(path);
    for (const name of readdirSync(SYSTEM)) symlinkSync(join(originals, name), join(links, name));
    const script = `mount --bind ${SYSTEM} ${originals} && mount --bind ${links} ${SYSTEM}`;
    await this.mounts.mustRun("sh", "-c", script);
  }

  #path(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  hide(...patterns: readonly RegExp[]): void {
    const names = readdirSync(this.#path("sbin")).filter((name) =>
      patterns.some((pattern) => pattern.test(name)),
    );
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) rmSync(this.#path("sbin", name));
  }

  /** A shell script in a program's place; "$real" is the original. `only`: not for the version. */
  replace(name: string, script: string): void {
    const path = this.#path("sbin", name);
    rmSync(path, { force: true });
    const version = 'case "$*" in *--version*) exec "$real" "$@";; esac';
    writeFileSync(path, `#!/bin/sh\nreal=${this.#path("original", name)}\n${version}\n${script}\n`);
    chmodSync(path, 0o755);
  }

  /** Everything as the system has it. */
  unhide(): void {
    const links = this.#path("sbin");
    for (const name of readdirSync(SYSTEM)) {
      rmSync(join(links, name), { force: true });
      symlinkSync(this.#path("original", name), join(links, name));
    }
  }

  program(what: "restore" | "save", family: 4 | 6 = 4): string {
    return `${family === 4 ? "iptables" : "ip6tables"}-${this.mode}-${what}`;
  }

  /** nft is what is found by itself; legacy has to be asked for. */
  installArguments(...flags: readonly string[]): string[] {
    const user = ["--kuma-dp-user", String(PROXY_UID)];
    const mode = this.mode === "nft" ? [] : [executablesFlag(this.mode)];
    return ["install", "transparent-proxy", "--engine=iptables", ...user, ...mode, ...flags];
  }

  tproxyctl(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.mounts.tproxyctl(args, options);
  }

  tryInstall(flags: readonly string[] = [], options: RunOptions = {}): Promise<Result> {
    return this.tproxyctl(this.installArguments(...flags), options);
  }

  async install(...flags: readonly string[]): Promise<Result> {
    return expectSuccess(await this.tryInstall(flags));
  }

  async uninstall(): Promise<Result> {
    return expectSuccess(await this.tproxyctl(["uninstall", "transparent-proxy"]));
  }

  /** The exit status of `status`, and what it says. */
  status(): Promise<Result> {
    return this.tproxyctl(["status"]);
  }

  async trace(): Promise<Trace> {
    const { stdout, stderr, exitCode } = await this.world.run(["sh", "-e", "-c", LOOK], { cgroup: false });
    expect(exitCode, stderr).toBe(0);
    const [rules = "", addresses = ""] = stdout.split("== addresses\n");
    return { rules: rulesOf(rules), addresses: addresses.split("\n").filter(isNoLate), files: this.#files() };
  }

  #files(): string[] {
    const root = `/proc/${this.mounts.pid}/root/run`;
    const entries = readdirSync(root, { recursive: true, withFileTypes: true });
    return entries
      .filter(({ name }) => name !== "xtables.lock")
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const where = path.slice(root.length);
        return where.startsWith("/tproxyctl/") ? `${where} ${readFileSync(path, "utf8")}` : where;
      })
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

export function executablesFlag(mode: Mode, families: readonly (4 | 6)[] = [4, 6]): string {
  const pairs = families.flatMap((family) => {
    const base = family === 4 ? "iptables" : "ip6tables";
    return ["", "-save", "-restore"].map((suffix) => `${base}${suffix}:${SYSTEM}/${base}-${mode}${suffix}`);
  });
  return `--iptables-executables=${pairs.join(",")}`;
}

export function expectSuccess(result: Result): Result {
  if (result.exitCode !== 0) throw new Error(`exit status ${result.exitCode}: ${result.stderr}`);
  return result;
}

/** Legacy is looked at only where it has a table: asking for one makes it. */
const LOOK = `
for family in ip ip6; do
  for mode in nft legacy; do
    if [ $mode = legacy ] && ! grep -q . /proc/self/net/\${family}_tables_names 2>/dev/null; then continue; fi
    echo "== $family $mode"
    \${family}tables-$mode-save
  done
done
echo "== addresses"
ip -oneline address show dev lo
`;

function rulesOf(text: string): string[] {
  let [place, table] = ["", ""];
  const rules: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("== ")) place = line.slice(3);
    else if (line.startsWith("*")) table = line.slice(1);
    else if (/^-A /.test(line)) rules.push(`${place} ${table} ${line}`);
    else if (/^:\S+ - /.test(line)) rules.push(`${place} ${table} ${line.replace(/ - .*/, "")}`);
    else if (/incompatible/.test(line)) rules.push(`${place} ${line}`);
  }
  // The order of tables is that in which the kernel made them; sorting keeps that of the rules in each.
  const tableOf = (rule: string) => rule.split(" ").slice(0, 3).join(" ");
  return rules.sort((a, b) => tableOf(a).localeCompare(tableOf(b)));
}

function isNoLate(line: string): boolean {
  return line !== "" && !line.includes("fe80::");
}
