// A program that keeps its sockets and asks name servers again and again.

import type { Answers, Kind, Manner } from "../conformance/dns-situation.ts";
import { APP_UID, type Running, type RunOptions, TPNET, type World } from "../support/world.ts";

export interface Asked {
  /** Who answered; empty: nobody. */
  readonly listeners: readonly string[];
  readonly error: string;
}

export class Asker {
  readonly #running: Running;
  #said = 0;

  private constructor(running: Running) {
    this.#running = running;
  }

  /** Asks a first time, and waits for the answers. */
  static async open(
    world: World,
    server: string,
    kind: Kind,
    manner: Manner,
    options: RunOptions & { readonly flags?: readonly string[] } = {},
  ): Promise<Asker> {
    const flags = [`--${manner}`, ...(kind === "mapped" ? ["--mapped"] : []), ...(options.flags ?? [])];
    const command = [TPNET, "dns-ask", "--servers", server, "--again", ...flags];
    const isReady = (line: string) => line.startsWith("{");
    const asker = new Asker(await world.start(command, { uid: APP_UID, ...options, isReady }));
    const first = await asker.#next();
    if (first.error !== "") throw new Error(`asking ${server} failed: ${first.error}`);
    return asker;
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Once more, from the same sockets. Each answer came from who was asked, as far as can be seen. */
  async ask(): Promise<Asked> {
    const { listeners, error, strangers } = await this.askAmongStrangers();
    if (strangers > 0) throw new Error(`${strangers} answers are from strangers`);
    return { listeners, error };
  }

  /** As `ask`, where others send to the sockets as well. */
  async askAmongStrangers(): Promise<Answers> {
    this.#running.child.stdin?.write("\n");
    return this.#next();
  }

  async #next(): Promise<Answers> {
    const index = this.#said++;
    await this.#running.waitFor(() => this.#running.lines.length > index);
    return JSON.parse(this.#running.lines[index] ?? "") as Answers;
  }
}
