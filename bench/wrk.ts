// wrk, and what it says.

import type { RunOptions, World } from "../test/support/world.ts";

export interface Requests {
  readonly rate: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Load {
  readonly client: RunOptions;
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Each request over a connection of its own. */
  readonly close?: boolean;
}

export async function wrk(world: World, load: Load): Promise<Requests> {
  const { client, address, port, connections, seconds, close = false } = load;
  const amount = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, "--latency"];
  const header = close ? ["-H", "Connection: close"] : [];
  const command = ["wrk", ...amount, ...header, `http://${address}:${port}/`];
  const { stdout, stderr, exitCode } = await world.run(command, client);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr}`);
  // Answers that are none, and connections that are none.
  const bad = /^ *(?:Non-2xx|Socket errors).*$/m.exec(stdout)?.[0];
  if (bad !== undefined) throw new Error(`${command.join(" ")}: ${bad.trim()}`);
  return {
    rate: Number(found(/^Requests\/sec: +([\d.]+)$/m, stdout)),
    p50Us: microseconds(found(/^ +50% +(\S+)$/m, stdout)),
    p99Us: microseconds(found(/^ +99% +(\S+)$/m, stdout)),
  };
}

function found(pattern: RegExp, output: string): string {
  const text = pattern.exec(output)?.[1];
  if (text === undefined) throw new Error(`wrk said something that was not expected:\n${output}`);
  return text;
}

const UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

/** "85.00us", "1.20ms" */
function microseconds(text: string): number {
  const [, number, unit = ""] = /^([\d.]+)([a-z]+)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined) throw new Error(`wrk said a time that was not expected: ${text}`);
  return Number(number) * factor;
}
