// What the tests of `verify` share: the command, and what it says.

import { expect } from "vitest";
import type { CheckResult } from "../../src/commands/verify/check.ts";
import { PROXY_UID, type Running, type RunOptions, TPROXYCTL, World } from "../support/world.ts";

export interface Verified {
  readonly exitCode: number;
  readonly verified: boolean;
  readonly checks: readonly CheckResult[];
  readonly stderr: string;
}

export const AS_PROXY: RunOptions = { uid: PROXY_UID };

/** A world whose service can send to everywhere: over its remote host. */
export function createWorld(): Promise<World> {
  return World.create(async (world) => {
    await world.ip("service", "route", "add", "default", "via", "10.66.0.2");
    await world.ip("service", "-6", "route", "add", "default", "via", "fd66:0::2");
  });
}

/** `verify --json`, as root in the world's cgroup unless `options` says otherwise. */
export async function verify(
  world: World,
  flags: readonly string[] = [],
  options: RunOptions = {},
): Promise<Verified> {
  const args = ["verify", "--json", ...flags];
  const { stdout, stderr, exitCode } = await world.tproxyctl(args, { cgroup: world.cgroup, ...options });
  expect(stderr).not.toMatch(/a bug in tproxyctl/);
  expect(stdout, stderr).not.toBe("");
  return { ...JSON.parse(stdout), exitCode, stderr };
}

/** "own-application 4": the checks in a state. */
export function inState({ checks }: Verified, state: CheckResult["state"]): string[] {
  return checks.filter((check) => check.state === state).map(nameOf);
}

/** The checks that were connections which the proxy got. */
export function proofs({ checks }: Verified): string[] {
  return checks.filter(({ proof }) => proof).map(nameOf);
}

function nameOf({ name, family }: CheckResult): string {
  return family === undefined ? name : `${name} ${family}`;
}

export function expectVerified(result: Verified): void {
  expect(inState(result, "failed"), JSON.stringify(result, undefined, 1)).toEqual([]);
  expect(result, result.stderr).toMatchObject({ exitCode: 0, verified: true });
}

/** It failed by these checks, with these words, and says what to do. */
export function expectRefuted(result: Verified, names: readonly string[], words: RegExp): void {
  expect(inState(result, "failed"), JSON.stringify(result, undefined, 1)).toEqual(names);
  expect(result).toMatchObject({ exitCode: 1, verified: false });
  expect(result.stderr).toMatch(/^ hint: .* code: VERIFY_FAILED$/ms);
  const failed = result.checks.filter(({ state }) => state === "failed");
  expect(failed.map(({ found }) => found).join("\n")).toMatch(words);
  expect(failed.filter(({ expected, remedy }) => expected === undefined || remedy === undefined)).toEqual([]);
}

/** The proxy that is shipped, as the proxy's user. */
export function startEmbeddedProxy(world: World): Promise<Running> {
  return world.start([TPROXYCTL, "proxy"], {
    uid: PROXY_UID,
    isReady: (line) => line.startsWith("listening"),
  });
}
