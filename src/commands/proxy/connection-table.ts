// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import { formatEndpoint } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import type { Direction, OwnPorts } from "./direction.ts";
import { type Forwarded, forward } from "./forward.ts";
import { clientAddress, type Endpoint, readOriginalDestination, refuseLoop } from "./original-destination.ts";
import type { Reporter } from "./reporter.ts";
import { reset } from "./socket-descriptor.ts";

/** The connections that the proxy has taken and that have not ended. */
export class ConnectionTable {
  readonly #ownPorts: readonly number[];
  readonly #reporter: Reporter;
  readonly #open = new Map<Socket, Promise<void>>();

  constructor(ownPorts: OwnPorts, reporter: Reporter) {
    this.#ownPorts = Object.values(ownPorts);
    this.#reporter = reporter;
  }

  /** Takes an accepted connection, and sees it to its end. */
  take(client: Socket, direction: Direction): void {
    const finished = this.#serve(client, direction).finally(() => this.#open.delete(client));
    this.#open.set(client, finished);
  }

  /** Cuts all connections. Resolves when they are closed and reported. */
  async endAll(): Promise<void> {
    for (const client of this.#open.keys()) reset(client);
    await Promise.all(this.#open.values());
  }

  async #serve(client: Socket, direction: Direction): Promise<void> {
    const started = performance.now();
    const name = clientName(client);
    const destination = this.#findDestination(client);
    const outcome =
      destination instanceof TproxyError
        ? await refuse(client, destination)
        : await forward(client, destination, direction);
    this.#reporter.ended({
      direction,
      client: name,
      originalDestination:
        destination instanceof TproxyError
          ? undefined
          : formatEndpoint(destination.address, destination.port),
      durationMs: Math.round(performance.now() - started),
      ...outcome,
    });
  }

  /** An error that says why the connection must be refused; any other one is thrown. */
  #findDestination(client: Socket): Endpoint | TproxyError {
    try {
      const destination = readOriginalDestination(client);
      refuseLoop(destination, this.#ownPorts);
      return destination;
    } catch (error) {
      if (error instanceof TproxyError && error.code === "PROXY_FAILED") return error;
      throw error;
    }
  }
}

async function refuse(client: Socket, reason: TproxyError): Promise<Forwarded> {
  const closed = new Promise((resolve) => client.once("close", resolve));
  client.on("error", () => {}); // it is refused whatever else happens to it
  reset(client);
  await closed;
  return { bytesUp: 0, bytesDown: 0, error: reason.message };
}

function clientName(client: Socket): string {
  const address = clientAddress(client);
  return address === undefined ? "unknown" : formatEndpoint(address, client.remotePort ?? 0);
}
