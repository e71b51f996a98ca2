// A change that waits to be confirmed, for tests.

import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isRunning } from "../../src/host/detached-process.ts";
import type { Result, World } from "../support/world.ts";

export interface State {
  readonly before?: { readonly engine: string };
  readonly timer?: { readonly kind: "process"; readonly pid: number; readonly started: string };
}

/** The change of a world's service that waits to be confirmed. */
export class Change {
  readonly #world: World;
  readonly #path: string;
  readonly log: string;
  /** All that were seen. */
  readonly #timers = new Map<number, NonNullable<State["timer"]>>();

  private constructor(world: World, inode: number, root: string) {
    this.#world = world;
    this.#path = `${root}/run/tproxyctl/confirm-${inode}.json`;
    this.log = `${root}/run/tproxyctl/confirm-${inode}.log`;
  }

  /** @param mounts where the world has a /run of its own */
  static of(world: World, mounts?: { readonly pid: number }): Change {
    const { ino } = statSync(join("/run/netns", world.netns("service")));
    const change = new Change(world, ino, mounts === undefined ? "" : `/proc/${mounts.pid}/root`);
    world.defer(() => change.#end());
    return change;
  }

  get state(): State | undefined {
    if (!existsSync(this.#path)) return undefined;
    const state: State = JSON.parse(readFileSync(this.#path, "utf8"));
    if (state.timer !== undefined) this.#timers.set(state.timer.pid, state.timer);
    return state;
  }

  /** The process that waits. */
  get timer(): NonNullable<State["timer"]> {
    const timer = this.state?.timer;
    if (timer === undefined) throw new Error("nothing waits");
    return timer;
  }

  write(text: string): void {
    writeFileSync(this.#path, text);
  }

  /**
   * While something is installed: stops what waits as soon as it does, so that however slow this machine is, what is
   * looked at until `end` comes before the time is over.
   */
  async paused<T>(installing: Promise<T>): Promise<T> {
    let isOver = false;
    const installed = installing.finally(() => {
      isOver = true;
    });
    await until(
      () => isOver || this.state?.timer !== undefined,
      () => "nothing was armed",
    );
    process.kill(this.timer.pid, "SIGSTOP");
    return installed;
  }

  /** Waits until it has been put back. */
  async end(): Promise<void> {
    if (this.state?.timer !== undefined) process.kill(this.state.timer.pid, "SIGCONT");
    await until(
      () => this.state === undefined,
      () => this.logged,
    );
  }

  get logged(): string {
    return existsSync(this.log) ? readFileSync(this.log, "utf8") : "";
  }

  async install(seconds: number, ...flags: readonly string[]): Promise<Result> {
    const result = await this.#world.install("--confirm-within", `${seconds}s`, ...flags);
    void this.state; // remembered, so that it ends with a test that fails
    return result;
  }

  confirm(): Promise<Result> {
    return this.#world.tproxyctl(["confirm"]);
  }

  /** After a test that failed. */
  async #end(): Promise<void> {
    for (const timer of this.#timers.values()) {
      if (isRunning(timer)) process.kill(timer.pid, "SIGKILL");
      await until(
        () => !isRunning(timer),
        () => `process ${timer.pid} is still there`,
      );
    }
    for (const path of [this.#path, this.log]) rmSync(path, { force: true });
  }
}

export async function until(holds: () => boolean, explain: () => string): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 400) throw new Error(`it never came to that: ${explain()}`);
    await setTimeout(50);
  }
}
