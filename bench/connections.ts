// `traffic connect`: what connections one after the other take.

import type { RunOptions, World } from "../test/support/world.ts";
import { SERVER_PORT, traffic } from "./scene.ts";

export interface Connections {
  /** Each connect(), in µs. */
  readonly connectUs: readonly number[];
  /** Each from connect() to the answer to the first request, in µs. */
  readonly answerUs: readonly number[];
  /** Of all: how many there were, by what they took. */
  readonly rate: number;
  /** Of both ends, for one connection, in µs. */
  readonly processorUs: number;
}

/** What `traffic connect` says. Times are nanoseconds. */
export interface Output {
  readonly intercepted: number;
  readonly clientProcessor: number;
  readonly serverProcessor: number;
  readonly connect: readonly number[];
  readonly answer: readonly number[];
  readonly cycle: readonly number[];
}

export interface Asked {
  readonly client: RunOptions;
  readonly address: string;
  readonly count: number;
  /** How many of them the proxy has to get. */
  readonly intercepted: number;
  /** Where the service's processes run, if not in the world's own. */
  readonly cgroup?: string | undefined;
}

export async function connections(
  world: World,
  { client, address, count, intercepted, cgroup }: Asked,
): Promise<Connections> {
  const args = ["connect", address, SERVER_PORT, count];
  return readConnections(await traffic<Output>(world, args, client, intercepted, cgroup), count);
}

export function readConnections(output: Output, count: number): Connections {
  return {
    connectUs: output.connect.map(toUs),
    answerUs: output.answer.map(toUs),
    rate: count / (output.cycle.reduce((total, ns) => total + ns, 0) / 1e9),
    processorUs: toUs(output.clientProcessor + output.serverProcessor) / count,
  };
}

export function toUs(nanoseconds: number): number {
  return nanoseconds / 1000;
}
