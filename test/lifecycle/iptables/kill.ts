// Kills tproxyctl at a chosen place: where it runs a program that changes something, or at a system call of its own.

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TPROXYCTL } from "../../support/world.ts";
import { everyForm } from "../inject.ts";
import type { Bench } from "./bench.ts";

/** What happens to the program that tproxyctl runs while itself is killed. */
const MOMENTS = {
  before: "kill -9 $PPID; exit 1",
  after: '"$real" "$@"; kill -9 $PPID; exit 1',
} as const;

export type Place =
  | { readonly program: number; readonly moment: keyof typeof MOMENTS }
  | { readonly call: "rename"; readonly nth: number };

/** @returns whether it was killed: false where the command came to its end before it got there */
export function killAt(bench: Bench, place: Place, args: readonly string[]): Promise<boolean> {
  return "call" in place ? killAtCall(bench, place.call, place.nth, args) : killAtProgram(bench, place, args);
}

async function killAtProgram(
  bench: Bench,
  { program, moment }: { readonly program: number; readonly moment: keyof typeof MOMENTS },
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
  const form = everyForm(call);
  const inject = ["-e", `trace=${form}`, "-e", `inject=${form}:signal=KILL:when=${nth}`];
  const strace = ["strace", "-qq", "-o", "/dev/null", ...inject];
  const result = await bench.mounts.run([...strace, TPROXYCTL, ...args]);
  if (/error:/.test(result.stderr)) throw new Error(`${call} ${nth}: ${result.stderr}`);
  return result.exitCode !== 0;
}
