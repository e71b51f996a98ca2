// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { systemErrorCode } from "../core/errors.ts";
import { run, runToEnd } from "./exec.ts";

/**
 * Whether systemd runs this host, as sd_booted(3) finds it out, and what it starts is where we are: in the same network and
 * mount namespace. In a container /run/systemd may be another host's.
 */
export function canUseSystemd(): boolean {
  if (!existsSync("/run/systemd/system")) return false;
  try {
    if (readFileSync("/proc/1/comm", "utf8").trim() !== "systemd") return false;
    return ["net", "mnt", "pid"].every(
      (name) => readlinkSync(`/proc/1/ns/${name}`) === readlinkSync(`/proc/self/ns/${name}`),
    );
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return false; // what may not be looked at is not used
  }
}

/**
 * The command that makes systemd run another one once, later, as a service of its own: outside of the session that we are
 * in, which ends with whoever is logged in. Without AccuracySec it may be a minute late (systemd.timer(5)).
 *
 * @param unit its name, without ".timer"
 */
export function timerCommand(unit: string, afterMs: number, command: readonly string[]): string[] {
  return [
    "--quiet",
    `--unit=${unit}`,
    "--description=puts back what nobody confirmed (tproxyctl install --confirm-within)",
    `--on-active=${afterMs}ms`,
    "--timer-property=AccuracySec=100ms",
    "--",
    ...command,
  ];
}

/** @throws TproxyError COMMAND_FAILED */
export async function startTimer(unit: string, afterMs: number, command: readonly string[]): Promise<void> {
  await run("systemd-run", timerCommand(unit, afterMs, command));
}

/** One that has elapsed is gone: systemd forgets what is transient. One that cannot be stopped will find nothing to do. */
export async function stopTimer(unit: string): Promise<void> {
  if (isTimerThere(unit)) await runToEnd("systemctl", ["stop", `${unit}.timer`]);
}

export function isTimerThere(unit: string): boolean {
  return existsSync(`/run/systemd/transient/${unit}.timer`);
}
