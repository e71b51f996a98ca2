// `traffic obey`: a client that lives through several measurements. What differs between them is then not the process:
// where in memory one happens to be makes more of a difference than some of what is looked for.

import type { Running, RunOptions, World } from "../test/support/world.ts";
import { type Asked, type Connections, type Output, readConnections, toUs } from "./connections.ts";
import { SERVER_PORT, TRAFFIC } from "./scene.ts";

export class ObedientClient {
  readonly #running: Running;

  private constructor(running: Running) {
    this.#running = running;
  }

  static async start(world: World, options: RunOptions): Promise<ObedientClient> {
    return new ObedientClient(await world.start([TRAFFIC, "obey"], options));
  }

  async connections({ address, count, intercepted }: Omit<Asked, "client" | "cgroup">): Promise<Connections> {
    const output = await this.#ask<Output>(["connect", address, SERVER_PORT, count]);
    if (output.intercepted !== intercepted)
      throw new Error(`${output.intercepted} connections to ${address} were intercepted, not ${intercepted}`);
    return readConnections(output, count);
  }

  /** How long a call took, in µs, each the mean of `batch` calls. */
  async getsockopt(count: number, batch: number): Promise<readonly number[]> {
    const { getsockopt } = await this.#ask<{ getsockopt: readonly number[] }>(["getsockopt", count, batch]);
    return getsockopt.map((ns) => toUs(ns) / batch);
  }

  async #ask<T>(words: readonly (string | number)[]): Promise<T> {
    const said = this.#running.lines.length;
    this.#running.child.stdin?.write(`${words.join(" ")}\n`);
    await this.#running.waitFor(() => this.#running.lines.length > said);
    return JSON.parse(this.#running.lines[said] ?? "") as T;
  }
}
