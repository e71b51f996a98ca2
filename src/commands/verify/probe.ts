// SPDX-License-Identifier: Apache-2.0
import type { Endpoint } from "../../host/tcp-sockets.ts";
import { ask, type Query } from "./ask.ts";
import { type Attempt, attempt } from "./attempt.ts";
import type { Answered, Arrival } from "./check.ts";
import { type PortHolder, StandIn, type WantedPorts } from "./stand-in.ts";

/** Somebody who makes connections, and takes them in the place of the proxy, as one user. */
export interface Probe {
  listen(wanted: WantedPorts): Promise<readonly PortHolder[]>;
  /** The connection is kept until the next one: whoever takes it has time to ask where it was going. */
  attempt(wanted: Attempt): Promise<Arrival>;
  ask(query: Query): Promise<Answered>;
  /** Where a connection was going that it took; undefined where it took none, or the kernel does not say. */
  originalOf(client: Endpoint): Promise<Endpoint | undefined>;
  close(): Promise<void>;
}

/** This process, as the user that it is. */
export class OwnProbe implements Probe {
  readonly #standIn = new StandIn();
  #endLast = () => {};

  listen(wanted: WantedPorts): Promise<readonly PortHolder[]> {
    return this.#standIn.listen(wanted);
  }

  async attempt(wanted: Attempt): Promise<Arrival> {
    this.#endLast();
    const { arrival, end } = await attempt(wanted);
    this.#endLast = end;
    return arrival;
  }

  ask(query: Query): Promise<Answered> {
    return ask(query);
  }

  async originalOf(client: Endpoint): Promise<Endpoint | undefined> {
    // The connection is there before its listener is told of it.
    for (let tries = 0; tries < 50; tries++) {
      const original = this.#standIn.originalOf(client);
      if (original !== undefined) return original;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#endLast();
    this.#standIn.close();
  }
}
