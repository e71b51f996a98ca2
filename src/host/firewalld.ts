// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { describeError, systemErrorCode, TproxyError } from "../core/errors.ts";
import { findProgram, run, runToEnd } from "./exec.ts";
import { removeFile, replaceFile } from "./replace-file.ts";

const DIRECTORY = "/etc/firewalld";

/** What firewalld applies besides its own rules: firewalld.direct(5). */
export const DIRECT_FILE = `${DIRECTORY}/direct.xml`;

/** What firewalld runs for it, whatever else is there (firewall/config/__init__.py). */
export const FIREWALLD_IPTABLES = "/usr/sbin/iptables";

const CLIENT = "firewall-cmd";

/** It applies all rules anew, with many direct ones not at once. */
const RELOAD_TIMEOUT_MS = 120_000;

export function hasFirewalld(): boolean {
  return existsSync(DIRECTORY);
}

/**
 * Whether firewalld refuses IPv6 packets to addresses with an IPv4 address in them (RFC 3964), ::1 among them: what a rule
 * redirects in OUTPUT goes there by another interface than lo, as far as firewalld's filter sees. It does by default.
 */
export function refusesRedirectedIpv6(): boolean {
  const text = readIfThere(`${DIRECTORY}/firewalld.conf`) ?? "";
  return !/^RFC3964_IPv4\s*=\s*(no|false)\s*$/im.test(text);
}

/** Undefined where there is none. */
export function readDirectFile(): string | undefined {
  return readIfThere(DIRECT_FILE);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT" || systemErrorCode(cause) === "ENOTDIR") return undefined;
    throw failure(`cannot read ${path}`, cause);
  }
}

/** @param text undefined: there is to be none */
export function writeDirectFile(text: string | undefined): void {
  try {
    if (text === undefined) removeFile(DIRECT_FILE);
    else replaceFile(DIRECT_FILE, text, 0o644);
  } catch (cause) {
    throw failure(`cannot write ${DIRECT_FILE}: ${describeError(cause)}`, cause);
  }
}

/** Of this network namespace, if it is the one that it was started in. */
export async function isFirewalldRunning(): Promise<boolean> {
  if (findProgram(CLIENT) === undefined) return false;
  const { exitCode } = await runToEnd(CLIENT, ["--state"]);
  // 251: it runs, and could not apply what is stored.
  return exitCode === 0 || exitCode === 251;
}

/** Lets firewalld apply what is stored: all rules of iptables go, and those that it knows come. */
export async function reloadFirewalld(): Promise<void> {
  try {
    await run(CLIENT, ["--reload"], { timeoutMs: RELOAD_TIMEOUT_MS });
  } catch (cause) {
    throw failure(`firewalld does not take what is stored in ${DIRECT_FILE}: ${describeError(cause)}`, cause);
  }
}

function failure(message: string, cause: unknown): TproxyError {
  return new TproxyError("STORE_FAILED", message, { cause });
}
