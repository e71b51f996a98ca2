import { APP_UID, type Connection, Running, type RunOptions, TPNET, type World } from "../support/world.ts";

type Place = Pick<World, "command" | "defer">;

/** A client that connects again and again, without a pause, until it is stopped. */
export class ConnectionStream {
  readonly to: string;
  readonly #client: Running;
  readonly #ended: Promise<void>;
  #stopping = false;

  private constructor(to: string, client: Running) {
    this.to = to;
    this.#client = client;
    this.#ended = this.#connectAgainAndAgain();
  }

  static async start(world: Place, to: string, options: RunOptions = {}): Promise<ConnectionStream> {
    const command = world.command([TPNET, "connect", "--batch"], { uid: APP_UID, ...options });
    const client = new Running(command);
    world.defer(() => client.stop());
    const stream = new ConnectionStream(to, client);
    await stream.more(1);
    return stream;
  }

  /** Waits until so many more connections were made. */
  async more(count: number): Promise<void> {
    await this.#atLeast(this.#client.lines.length + count);
  }

  /** The connections that did not reach the proxy, or whose destination it was not told. */
  async stop(): Promise<Connection[]> {
    this.#stopping = true;
    await this.#ended;
    return this.connections().filter(({ ok, server }) => !ok || server?.origdst !== this.to);
  }

  /** All that were made so far. */
  connections(): Connection[] {
    return this.#client.lines.map((line): Connection => JSON.parse(line));
  }

  async #connectAgainAndAgain(): Promise<void> {
    while (!this.#stopping) {
      const made = this.#client.lines.length;
      this.#client.child.stdin?.write(`--to ${this.to}\n`);
      await this.#atLeast(made + 1);
    }
  }

  async #atLeast(count: number): Promise<void> {
    await this.#client.waitFor(() => this.#client.lines.length >= count);
  }
}
