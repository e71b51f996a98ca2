// Another tool's programs, compiled here and attached to the world's cgroup by bpftool.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { World } from "../support/world.ts";

const SOURCE = fileURLToPath(new URL("fixtures/bystander.bpf.c", import.meta.url));

/** The programs, in the order of their counters, and the hook of each. */
const PROGRAMS = [
  ["other_connect4", "cgroup_inet4_connect"],
  ["other_connect6", "cgroup_inet6_connect"],
  ["other_peername", "cgroup_inet4_getpeername"],
  ["other_sockopt", "cgroup_getsockopt"],
  ["other_sockops", "cgroup_sock_ops"],
] as const;

export type Runs = Readonly<Record<(typeof PROGRAMS)[number][0], number>>;

export class Bystander {
  readonly #world: World;
  readonly #directory: string;

  private constructor(world: World) {
    this.#world = world;
    this.#directory = join(world.bpffs, "bystander");
  }

  /** Compiles, loads and attaches; the world takes it all away. */
  static async attach(world: World): Promise<Bystander> {
    const bystander = new Bystander(world);
    const object = await compile(world);
    mkdirSync(bystander.#directory);
    world.defer(async () => rmSync(bystander.#directory, { recursive: true }));
    await execa("bpftool", [
      "prog",
      "loadall",
      object,
      bystander.#directory,
      "pinmaps",
      bystander.#directory,
    ]);
    for (const [program, hook] of PROGRAMS) {
      const command = [world.cgroup, hook, "pinned", join(bystander.#directory, program)];
      await execa("bpftool", ["cgroup", "attach", ...command, "multi"]);
      world.defer(() => execa("bpftool", ["cgroup", "detach", ...command]));
    }
    return bystander;
  }

  /** How often each has run. */
  async runs(): Promise<Runs> {
    const { stdout } = await execa("bpftool", ["-j", "map", "dump", "pinned", join(this.#directory, "runs")]);
    const entries = JSON.parse(stdout) as readonly { formatted: { value: number } }[];
    return Object.fromEntries(
      PROGRAMS.map(([name], index) => [name, entries[index]?.formatted.value]),
    ) as Runs;
  }

  /** The names of those that are attached. */
  async attached(): Promise<readonly string[]> {
    const { stdout } = await execa("bpftool", ["-j", "cgroup", "show", this.#world.cgroup]);
    const programs = stdout === "" ? [] : (JSON.parse(stdout) as readonly { name: string }[]);
    return programs
      .map(({ name }) => name)
      .filter((name) => name.startsWith("other_"))
      .sort();
  }
}

export const ALL_PROGRAMS = PROGRAMS.map(([name]) => name).sort();

async function compile(world: World): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-bystander-"));
  world.defer(async () => rmSync(directory, { recursive: true }));
  const object = join(directory, "bystander.bpf.o");
  const multiarch = readdirSync("/usr/include").find((name) => name.endsWith("-linux-gnu")) ?? ".";
  const headers = ["-isystem", join("/usr/include", multiarch)];
  await execa("clang", ["-target", "bpf", "-O2", "-g", "-Wall", ...headers, "-c", SOURCE, "-o", object]);
  return object;
}
