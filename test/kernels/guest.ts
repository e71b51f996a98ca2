// Runs inside a guest (see init): tries all checks on its kernel and prints one line of JSON for each.

import { readFileSync } from "node:fs";
import { release } from "node:os";
import { World } from "../support/world.ts";
import { CHECKS } from "./checks.ts";
import { type Check, type Guest, SETTINGS } from "./steps.ts";

interface Row {
  readonly group: string;
  readonly check: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly detail: string;
}

process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  let passed = true;
  print({ kernel: release() });
  for (const setting of SETTINGS) {
    const world = await World.create();
    const guest = { world, setting: setting.name, flags: setting.flags, before: "", proxy: undefined };
    for (const check of CHECKS.filter(({ groups }) => groups.includes(setting.name))) {
      const row = await tryOut(check, guest);
      print(row);
      passed &&= row.ok;
      // Without an installation the rest means nothing.
      if (!row.ok && check.essential === true) break;
    }
    await world[Symbol.asyncDispose]();
  }
  print({ done: passed, seconds: uptime() });
  return passed;
}

async function tryOut(check: Check, guest: Guest): Promise<Row> {
  const started = uptime();
  const row = (ok: boolean, detail: string): Row => ({
    group: guest.setting,
    check: check.name,
    ok,
    seconds: Number((uptime() - started).toFixed(1)),
    detail,
  });
  try {
    return row(true, (await check.run(guest)) ?? "");
  } catch (error) {
    return row(false, error instanceof Error ? error.message : String(error));
  }
}

function uptime(): number {
  return Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
