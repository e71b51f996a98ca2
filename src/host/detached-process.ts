// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { makePrivateDirectory, RUN_DIRECTORY } from "./run-directory.ts";

/** A process, and when it was started, in ticks after boot: PIDs are used again. */
export interface StartedProcess {
  readonly pid: number;
  readonly started: string;
}

/** How long it may take to say that it is ready, in milliseconds. */
const READY_MS = 20_000;

/**
 * Starts this program once more, to go on by itself: in a session of its own, so that it outlives the terminal and the login
 * that we were called from; with nothing of our environment; what it says goes to the end of a file. Returns when it has
 * said, by IPC, that it is ready, and has let go of us. It does not inherit our locks.
 *
 * @param log of root alone; made anew
 * @throws TproxyError COMMAND_FAILED
 */
export async function startDetached(args: readonly string[], log: string): Promise<StartedProcess> {
  const output = openLog(log);
  try {
    const child = fork(process.argv[1] ?? "", [...args], {
      detached: true,
      execArgv: [],
      env: {},
      cwd: "/",
      stdio: ["ignore", output, output, "ipc"],
    });
    await untilReady(child, log);
    if (child.connected) child.disconnect();
    child.unref();
    const { pid = 0 } = child;
    return { pid, started: startOf(pid) ?? "" };
  } finally {
    closeSync(output);
  }
}

/** The other side: says that it is ready. Whoever started it may have been killed meanwhile. */
export function tellReady(): void {
  if (process.send === undefined) return;
  process.send("ready", undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}

/** Ends it, where it is still there. */
export function endProcess(started: StartedProcess): void {
  if (!isRunning(started)) return;
  try {
    process.kill(started.pid);
  } catch (error) {
    if (systemErrorCode(error) !== "ESRCH") throw error;
  }
}

/** False also of one that has ended, though nobody has asked how: a container's first process may never do that. */
export function isRunning({ pid, started }: StartedProcess): boolean {
  return startOf(pid) === started;
}

function openLog(path: string): number {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants;
  try {
    makePrivateDirectory(RUN_DIRECTORY);
    return openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0o600);
  } catch (cause) {
    if (cause instanceof TproxyError) throw cause;
    throw new TproxyError("SYSCALL_FAILED", `cannot write ${path}`, { cause });
  }
}

function untilReady(child: ChildProcess, log: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (how: string) => {
    const said = readFileSync(log, "utf8").trim();
    reject(
      new TproxyError("COMMAND_FAILED", `a process to wait in the background ${how}${said && `: ${said}`}`),
    );
  };
  const patience = setTimeout(() => {
    child.kill("SIGKILL");
    fail(`is not ready after ${READY_MS / 1000} s`);
  }, READY_MS);
  child.once("message", () => resolve());
  child.once("error", (error) => fail(`cannot be started (${error.message})`));
  child.once("exit", (code, signal) => fail(`ended at once (${signal ?? `exit status ${code}`})`));
  return promise.finally(() => clearTimeout(patience));
}

/**
 * Field 22 of /proc/<pid>/stat (proc_pid_stat(5)), which the name of the process, in brackets, may not confuse; undefined
 * where it has ended (field 3 is Z or X).
 */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return /^[ZX]$/i.test(fields[0] ?? "") ? undefined : fields[19];
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw new TproxyError("SYSCALL_FAILED", `cannot look at process ${pid}`, { cause: error });
  }
}
