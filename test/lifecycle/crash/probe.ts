// Connections in every direction and family, by clients that are there already.

import { expect } from "vitest";
import { APP_UID, type Connection, Running, TPNET, type World } from "../../support/world.ts";
import { REMOTE, WAYS } from "../engines.ts";

export interface Ports {
  readonly outbound: number;
  readonly inbound: number;
}

export const USUAL_PORTS: Ports = { outbound: 15001, inbound: 15006 };

export class Probe {
  readonly #here: Running;
  readonly #remote: Running;

  constructor(world: World) {
    const start = (options: object) => {
      const client = new Running(world.command([TPNET, "connect", "--batch"], { uid: APP_UID, ...options }));
      world.defer(() => client.stop());
      return client;
    };
    this.#here = start({});
    this.#remote = start(REMOTE);
  }

  /** Each reaches a listener of its direction, which is told where it was going. */
  async expectIntercepted(ports: readonly Ports[], about: string): Promise<void> {
    for (const [to, options] of WAYS) {
      const isInbound = options === REMOTE;
      const { ok, error, server } = await connect(isInbound ? this.#remote : this.#here, to);
      expect({ to, ok, error, origdst: server?.origdst }, about).toEqual({
        to,
        ok: true,
        error: "",
        origdst: to,
      });
      const expected = ports.map(({ outbound, inbound }) => (isInbound ? inbound : outbound));
      expect(expected, `${about}: ${to}`).toContain(Number(server?.listener?.split(":").at(-1)));
    }
  }
}

async function connect(client: Running, to: string): Promise<Connection> {
  const made = client.lines.length;
  client.child.stdin?.write(`--to ${to}\n`);
  await client.waitFor(() => client.lines.length > made);
  return JSON.parse(client.lines[made] ?? "");
}
