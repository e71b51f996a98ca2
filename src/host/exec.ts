// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants } from "node:fs";
import { TproxyError } from "../core/errors.ts";
import { heldLocks } from "./held-locks.ts";

export interface RunOptions {
  /** Text for the program's standard input; without, it reads the end of file at once. */
  readonly input?: string;
  /** Milliseconds after which the program is ended and counts as failed. */
  readonly timeoutMs?: number;
  /** Variables for the program, besides PATH and LC_ALL: no other variable of ours reaches it. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program ended, well or not. */
export interface Ended extends Output {
  /** It exited with 0. */
  readonly succeeded: boolean;
  /** Undefined where it was killed, did not end in time or could not be started. */
  readonly exitCode: number | undefined;
  /** For people: "exit status 4", "killed by SIGKILL", "did not end within 30 s". */
  readonly ending: string;
  /** What the system said where it could not be started. */
  readonly cause: Error | undefined;
}

/**
 * Where programs are looked for. Not the PATH of whoever called us: this runs as root. Not /usr/local either,
 * which is for people other than root on many systems; a program there can be named by its full path.
 */
export const DIRECTORIES = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] as const;

/** The Debian packages of the programs that are run. */
const PACKAGES: Readonly<Record<string, string>> = {
  nft: "nftables",
  modprobe: "kmod",
  "firewall-cmd": "firewalld",
  unshare: "util-linux",
};

const DEFAULT_TIMEOUT_MS = 30_000;

/** More of what a program says is in the error's log alone. */
const LONGEST_QUOTE = 2000;

/**
 * Runs a program, without a shell, and returns what it said, without the newline at its end. `program` is a name or an
 * absolute path. It runs in "/" and in the network namespace of the main thread. Throws COMMAND_FAILED where it is
 * missing, exits with anything but 0, is killed or does not end in time; the message holds its own stderr.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Output> {
  const { succeeded, stdout, stderr, ending, cause } = await runToEnd(program, args, options);
  if (succeeded) return { stdout, stderr };
  const command = [program, ...args].join(" ");
  const said = stderr.trim() || stdout.trim();
  throw new TproxyError("COMMAND_FAILED", `${command}: ${quote(said, ending)}`, { log: stderr, cause });
}

/** As `run`, for those who make something of a failure: throws only where the program is missing. */
export async function runToEnd(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const file = requireProgram(program);
  const { execa } = await import("execa");
  const { input, timeoutMs = DEFAULT_TIMEOUT_MS, env } = options;
  const result = await execa(file, args, {
    ...(input === undefined ? {} : { input }),
    // execa takes any descriptor; its types know 3 to 9.
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe", ...heldLocks().map((fd) => fd as 3)],
    timeout: timeoutMs,
    env: { ...env, PATH: DIRECTORIES.join(":"), LC_ALL: "C" },
    extendEnv: false,
    // A working directory that somebody removed would look like a missing program.
    cwd: "/",
    reject: false,
  });
  const { failed, stdout, stderr, timedOut, exitCode } = result;
  return {
    succeeded: !failed,
    stdout,
    stderr,
    exitCode: timedOut ? undefined : exitCode,
    ending: failed ? howItEnded(result, timeoutMs) : "exit status 0",
    cause: failed && result.code !== undefined ? new Error(result.originalMessage) : undefined,
  };
}

/** The absolute path of a program; undefined where none of the directories has it. */
export function findProgram(program: string): string | undefined {
  if (program.startsWith("/")) return isExecutable(program) ? program : undefined;
  return DIRECTORIES.map((directory) => `${directory}/${program}`).find(isExecutable);
}

function requireProgram(program: string): string {
  const file = findProgram(program);
  if (file !== undefined) return file;
  const where = program.startsWith("/") ? "" : ` in ${DIRECTORIES.join(", ")}`;
  throw new TproxyError("COMMAND_FAILED", `cannot run ${program}: there is no such program${where}`, {
    hint: installHint(program.slice(program.lastIndexOf("/") + 1)),
  });
}

function installHint(name: string): string {
  const packageName = PACKAGES[name] ?? (/^ip6?tables/.test(name) ? "iptables" : undefined);
  if (packageName === undefined) return `Install ${name}.`;
  return `Install it: Debian and Ubuntu have it in the package ${packageName} (apt-get install ${packageName}).`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Whatever keeps us from executing it, the next directory may have another.
    return false;
  }
}

interface Ending {
  readonly timedOut: boolean;
  readonly signal?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly code?: string | undefined;
}

function howItEnded({ timedOut, signal, exitCode, code }: Ending, timeoutMs: number): string {
  if (timedOut) return `did not end within ${timeoutMs / 1000} s`;
  if (exitCode !== undefined) return `exit status ${exitCode}`;
  return signal === undefined ? `could not be run (${code ?? "no reason given"})` : `killed by ${signal}`;
}

function quote(said: string, ending: string): string {
  if (said === "") return ending;
  return `${ending}: ${said.length > LONGEST_QUOTE ? `${said.slice(0, LONGEST_QUOTE)}…` : said}`;
}
