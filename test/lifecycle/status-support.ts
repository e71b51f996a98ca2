// What `status --json` finds.

import { expect } from "vitest";
import type { World } from "../support/world.ts";

export interface Finding {
  readonly code: string;
  readonly degrades: boolean;
  readonly message: string;
  readonly remedy: string;
}

export interface Findings {
  readonly exitCode: number;
  readonly findings: readonly Finding[];
}

export async function findingsOf(world: World): Promise<Findings> {
  const { exitCode, status } = await world.status();
  return { exitCode, findings: (status.findings ?? []) as Finding[] };
}

/** The exit status and the codes, in order; link-local addresses come by themselves. */
export async function codesOf(world: World): Promise<string[]> {
  const { exitCode, findings } = await findingsOf(world);
  return [
    String(exitCode),
    ...findings.map(({ code }) => code).filter((code) => code !== "link-local-changed"),
  ];
}

export async function expectFindings(
  world: World,
  exitCode: number,
  codes: readonly string[],
): Promise<readonly Finding[]> {
  const found = await findingsOf(world);
  const findings = found.findings.filter(({ code }) => code !== "link-local-changed");
  const shown = { exitCode: found.exitCode, codes: findings.map(({ code }) => code) };
  expect(shown, JSON.stringify(found.findings)).toEqual({ exitCode, codes });
  for (const { remedy } of findings) expect(remedy).toMatch(/\.$/);
  return findings;
}
