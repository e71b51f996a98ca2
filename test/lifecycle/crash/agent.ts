// A world with a helper process in its namespace: see agent-program.ts.

import { spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BpfMap } from "../../../src/bpf/map.ts";
import type { Features } from "../../../src/engine/ebpf/features.ts";
import { projectRoot } from "../../support/project-files.ts";
import { type Result, World } from "../../support/world.ts";
import { PrivateMounts } from "../private-mounts.ts";
import type { Request } from "./agent-program.ts";
import type { Fingerprint, Look } from "./fingerprint.ts";
import type { Measured } from "./measure.ts";

const PROGRAM = join(projectRoot, "test/lifecycle/crash/agent-program.ts");

/** A call that changes something, as `tpnet kill-at` lists it. */
export interface Change {
  /** From 1 on. */
  readonly nth: number;
  /** Its effect may outlive the process. */
  readonly lasting: boolean;
  /** Of a program that tproxyctl runs. */
  readonly child: boolean;
  readonly what: string;
}

export interface Killed extends Result {
  readonly changes: readonly Change[];
}

export class Agent implements AsyncDisposable {
  readonly world: World;
  readonly mounts: PrivateMounts;
  readonly #look: Look;
  readonly #child: ReturnType<typeof spawn>;
  readonly #answers: AsyncIterator<string>;

  private constructor(world: World, mounts: PrivateMounts, look: Look) {
    this.world = world;
    this.mounts = mounts;
    this.#look = look;
    const inside = [`--net=/run/netns/${world.netns("service")}`, `--mount=/proc/${mounts.pid}/ns/mnt`];
    this.#child = spawn("nsenter", [...inside, "--", process.execPath, PROGRAM], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#answers = linesOf(this.#child);
  }

  /** @param bpffs the world's own, unless this names the one that tproxyctl mounts by itself */
  static async create(setUp: (world: World) => Promise<unknown>): Promise<Agent> {
    const world = await World.create(setUp);
    try {
      const mounts = await PrivateMounts.create(world);
      await hideOthers(mounts, world.bpffs);
      using map = BpfMap.create({ type: "array", name: "now", keySize: 4, valueSize: 4, maxEntries: 1 });
      return new Agent(world, mounts, { cgroup: world.cgroup, bpffs: world.bpffs, firstMap: map.info.id });
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of the service. */
  get netns(): { readonly inode: number } {
    return { inode: statSync(`/run/netns/${this.world.netns("service")}`).ino };
  }

  async #ask<T>(request: Request): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("the agent has ended");
    return JSON.parse(value);
  }

  look(): Promise<Fingerprint> {
    return this.#ask({ do: "look", look: this.#look });
  }

  measure(): Promise<Measured> {
    return this.#ask({ do: "measure" });
  }

  /** A command of tproxyctl, without a process of its own. */
  run(args: readonly string[], lacks?: Partial<Features>): Promise<Result> {
    return this.#ask({ do: "run", args, ...(lacks === undefined ? {} : { lacks }) });
  }

  /** Runs a command until it is killed, or to its end. */
  async kill(options: readonly string[], command: readonly string[]): Promise<Killed> {
    const { report, ...result }: Result & { report: Change[] } = await this.#ask({
      do: "kill",
      options,
      command,
    });
    return { ...result, changes: report.filter(({ what }) => what !== undefined) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#answers.next();
    await this.world[Symbol.asyncDispose]();
  }
}

async function* linesOf(child: ReturnType<typeof spawn>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

/** What other tests have on other BPF file systems is looked at, too, by uninstall: the calls would not be the same ones. */
async function hideOthers(mounts: PrivateMounts, own: string): Promise<void> {
  const lines = readFileSync(`/proc/${mounts.pid}/mountinfo`, "utf8").split("\n");
  const points = lines.filter((line) => line.includes(" - bpf ")).map((line) => line.split(" ")[4] ?? "");
  const others = points.filter((point) => point !== own && !point.startsWith("/run/"));
  // Of these some may be gone by now: umount says so, and goes on with the rest.
  if (others.length > 0) await mounts.run(["umount", "--lazy", ...others]);
}
