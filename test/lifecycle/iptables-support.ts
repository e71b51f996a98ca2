// What the tests of finding and running iptables share.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Executables, Mode } from "../../src/engine/iptables/executables.ts";
import type { RunOptions, World } from "../support/world.ts";
import type { Functions } from "./iptables-program.ts";

const PROGRAM = fileURLToPath(new URL("iptables-program.ts", import.meta.url));

export interface Answer<T> {
  readonly notes: readonly string[];
  readonly value?: T;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface CallOptions extends RunOptions {
  /** A process whose mount namespace is used. */
  readonly mountsOf?: number;
}

export function callCommand<Name extends keyof Functions>(
  name: Name,
  args: Parameters<Functions[Name]>,
  mountsOf?: number,
): string[] {
  const mounts = mountsOf === undefined ? [] : ["nsenter", `--mount=/proc/${mountsOf}/ns/mnt`, "--"];
  return [...mounts, process.execPath, PROGRAM, name, JSON.stringify(args)];
}

/** Calls a function of the engine in the service's namespace. */
export async function call<Name extends keyof Functions>(
  world: World,
  name: Name,
  args: Parameters<Functions[Name]>,
  { mountsOf, ...options }: CallOptions = {},
): Promise<Answer<Awaited<ReturnType<Functions[Name]>>>> {
  const command = callCommand(name, args, mountsOf);
  const { stdout, stderr, exitCode } = await world.run(command, { cgroup: false, ...options });
  if (exitCode !== 0) throw new Error(`${name} failed: ${stderr}`);
  const lines: { note?: string }[] = stdout.split("\n").map((line) => JSON.parse(line));
  const notes = lines.flatMap(({ note }) => note ?? []);
  return { notes, ...lines.at(-1) };
}

export function executables(mode: Mode, family: 4 | 6 = 4): Executables {
  const base = `/usr/sbin/${family === 4 ? "iptables" : "ip6tables"}-${mode}`;
  return { family, mode, iptables: base, save: `${base}-save`, restore: `${base}-restore` };
}

/** A directory for lock files: nothing of these tests is to wait for the machine's iptables, nor that for them. */
export class LockDirectory implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "tproxyctl-xtables-"));
  readonly file = join(this.#path, "xtables.lock");
  readonly env = { XTABLES_LOCKFILE: this.file };

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true });
  }
}

/** Runs a program in the service's namespace, which must work, and returns what it said. */
export async function must(world: World, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { stdout, stderr, exitCode } = await world.run(args, { cgroup: false, ...options });
  if (exitCode !== 0) throw new Error(`${args.join(" ")} failed: ${stderr}`);
  return stdout;
}

/** All that the kernel has of iptables, without making any of it: nft's rules, the names of legacy's tables. */
export function kernelRules(world: World): Promise<string> {
  const script = "nft list ruleset; cd /proc/self/net; grep . ip_tables_names ip6_tables_names || true";
  return must(world, ["sh", "-e", "-c", script]);
}
