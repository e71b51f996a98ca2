// Kills tproxyctl at a chosen place: where it runs a program that changes something, or at a system call of its own.

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { TPROXYCTL } from "../../support/world.ts";
import type { Bench } from "./bench.ts";

const SYSTEM_CALLS = ["mkdir", "rename", "unlink", "rmdir", "flock"] as const;

/** What happens to the program that tproxyctl runs while itself is killed. */
const MOMENTS = {
  before: "kill -9 $PPID; exit 1",
  after: '"$real" "$@"; kill -9 $PPID; exit 1',
  /** The first of several tables is changed. */
  "half way": `sed '/^COMMIT/q' | "$real" "$@"; kill -9 $PPID; exit 1`,
  /** The program has been told all, and goes on by itself. */
  "at the start of": 'text=$(cat); kill -9 $PPID; echo "$text" | "$real" "$@"; : >"$calls/over"; exit',
} as const;

export type Moment = keyof typeof MOMENTS;

export type Place =
  | { readonly program: number; readonly moment: Moment }
  | { readonly call: (typeof SYSTEM_CALLS)[number]; readonly nth: number };

export function firstPlaces(): Place[] {
  const moments = Object.keys(MOMENTS) as Moment[];
  return [
    ...moments.map((moment) => ({ program: 1, moment })),
    ...SYSTEM_CALLS.map((call) => ({ call, nth: 1 })),
  ];
}

export function nextOf(place: Place): Place {
  return "call" in place ? { ...place, nth: place.nth + 1 } : { ...place, program: place.program + 1 };
}

/** @returns whether it was killed: false where the command came to its end before it got there */
export function killAt(bench: Bench, place: Place, args: readonly string[]): Promise<boolean> {
  return "call" in place ? killAtCall(bench, place.call, place.nth, args) : killAtProgram(bench, place, args);
}

async function killAtProgram(
  bench: Bench,
  { program, moment }: { readonly program: number; readonly moment: Moment },
  args: readonly string[],
): Promise<boolean> {
  const calls = join(bench.directory, "calls");
  mkdirSync(calls);
  // Several may be started at once: making a directory is what counts them.
  const script = `case "\${0##*/} $*" in
*-restore*|*address?add*|*address?del*)
  calls=${calls}; n=1; while ! mkdir "${calls}/$n" 2>/dev/null; do n=$((n+1)); done
  if [ $n = ${program} ]; then ${MOMENTS[moment]}; fi;;
esac
exec "$real" "$@"`;
  for (const name of PROGRAMS) bench.replace(name, script);
  const { exitCode, stderr } = await bench.tproxyctl(args);
  const reached = readdirSync(calls).length >= program;
  if (reached && moment === "at the start of")
    await expect.poll(() => existsSync(join(calls, "over")), { timeout: 20_000 }).toBe(true);
  bench.unhide();
  rmSync(calls, { recursive: true });
  if (reached === (exitCode === 0)) throw new Error(`killed ${moment} ${program}: ${exitCode} ${stderr}`);
  return reached;
}

const PROGRAMS = [
  "ip",
  ...["iptables", "ip6tables"].flatMap((base) => ["nft", "legacy"].map((mode) => `${base}-${mode}-restore`)),
];

async function killAtCall(
  bench: Bench,
  call: string,
  nth: number,
  args: readonly string[],
): Promise<boolean> {
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${nth}`];
  const strace = ["strace", "-qq", "-o", "/dev/null", ...inject];
  const result = await bench.mounts.run([...strace, TPROXYCTL, ...args]);
  if (/error:/.test(result.stderr)) throw new Error(`${call} ${nth}: ${result.stderr}`);
  return result.exitCode !== 0;
}
