// SPDX-License-Identifier: Apache-2.0

/*
 * What iptables says when it fails, read. All texts are those of 1.8.9, nft and legacy, and were seen; others differ
 * little.
 */

/** A program that ended badly, as `runToEnd` tells it. */
export interface Refusal {
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly ending: string;
}

export interface Line {
  /** From 1 on. */
  readonly number: number;
  readonly text: string;
}

const COMMIT = "COMMIT";

const FORBIDDEN = /Permission denied|Operation not permitted|must be root/;
const LOCK_HELD = /holding the xtables lock/;
const NO_LOCK_FILE = /can't open lock file/i;
const NO_TABLE = /(?:unable to|can't) initialize (?:\S+ )?table [`'](\w+)'/;
const PASSING =
  /Resource temporarily unavailable|Device or resource busy|Interrupted system call|Cannot allocate memory|No buffer space available/;
/** A chain to which something still jumps is as busy the next time. */
const CHAIN_IN_USE = /CHAIN_(USER_)?DEL failed/;

/**
 * Whether the same text may be taken at another try. By what iptables says, not by its exit status alone, which is 4
 * for a held lock and for a missing permission:
 * - the xtables lock is held; the kernel is out of memory for the moment, busy or interrupted (nft);
 * - legacy's kernel refuses the COMMIT, which iptables-restore reports as that line's failure and gives no reason: the
 *   table was changed in between (EAGAIN; who uses another lock file does not wait for us), or something in it is wrong
 *   for good, which cannot be told apart.
 *
 * Not: a line that is not understood or names what is not there (exit status 2, or 1 with that line's number), a
 * permission, a lock file that cannot be made, a rule that nft's kernel refuses, a chain that is in use.
 */
export function mayPass({ exitCode, stderr, ending }: Refusal, text: string): boolean {
  if (exitCode === undefined || exitCode === 2) return false;
  if (FORBIDDEN.test(stderr) || NO_LOCK_FILE.test(stderr) || CHAIN_IN_USE.test(stderr)) return false;
  if (LOCK_HELD.test(stderr) || PASSING.test(stderr)) return true;
  return findLine({ exitCode, stderr, ending }, text)?.text === COMMIT && /failed\.?$/m.test(stderr);
}

const LINE_NUMBERS = [
  /^Error occurred at line: (\d+)$/m,
  /^line (\d+): /m,
  /: line (\d+) failed/,
  /\bexpected at line (\d+)/,
];

/** The line of the text that is meant, if the program says which. */
export function findLine({ stderr }: Refusal, text: string): Line | undefined {
  const found = LINE_NUMBERS.map((pattern) => pattern.exec(stderr)?.[1]).find(
    (number) => number !== undefined,
  );
  if (found === undefined) return undefined;
  const lines = text.split("\n");
  const unknownChain = /Chain '([^']+)' does not exist/.exec(stderr)?.[1];
  const number = unknownChain === undefined ? Number(found) : lastJumpTo(unknownChain, lines, Number(found));
  const line = lines[number - 1];
  return line === undefined ? undefined : { number, text: line.trim() };
}

/** iptables-nft-restore notices a jump to nowhere only at the line after it. */
function lastJumpTo(chain: string, lines: readonly string[], number: number): number {
  const index = lines.slice(0, number).findLastIndex((line) => line.split(/\s+/).includes(chain));
  return index < 0 ? number : index + 1;
}

/** How it ended, and the program's own words in one line, without its advice to read its help. */
export function quoteRefusal({ stderr, ending }: Refusal): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const said = lines
    .filter((line) => line !== "" && !/^(Try `|Error occurred at line:)/.test(line))
    .join(" ");
  return said === "" ? ending : `${ending}: ${said}`;
}

/** Only root, or a process with the right capabilities, may do that. */
export function isForbidden(said: string): boolean {
  return FORBIDDEN.test(said);
}

export function isAboutLock({ exitCode, stderr }: Refusal): boolean {
  return LOCK_HELD.test(stderr) || exitCode === undefined;
}

/** What the user can do about it. */
export function hintForRefusal({ stderr, exitCode }: Refusal, lockIsHeld = false, line = ""): string {
  if (lockIsHeld || LOCK_HELD.test(stderr)) {
    return "Wait until the other program has ended, or wait longer: --wait, --max-retries, --sleep-between-retries.";
  }
  if (FORBIDDEN.test(stderr)) {
    return "Run it as root, with the capabilities NET_ADMIN and NET_RAW (securityContext.capabilities.add in Kubernetes).";
  }
  if (NO_LOCK_FILE.test(stderr)) {
    return "Set the variable XTABLES_LOCKFILE to a path in a directory that can be written to, such as /tmp/xtables.lock.";
  }
  const table = NO_TABLE.exec(stderr)?.[1];
  if (table !== undefined) {
    const module = `${stderr.includes("ip6tables") ? "ip6table" : "iptable"}_${table}`;
    const without = table === "raw" ? ", or do without it: --skip-dns-conntrack-zone-split" : "";
    return (
      "Give the process the capabilities NET_ADMIN and NET_RAW; if it has them, the kernel lacks that table: " +
      `load its module (modprobe ${module}), or use the nft variant of iptables${without}.`
    );
  }
  if (exitCode === undefined)
    return "It was ended from outside, or the machine is too busy: run the command again.";
  if (line === COMMIT)
    return "The kernel does not take the table and gives no reason here; its log may (dmesg).";
  return "Change the option that puts this rule there, if one does; else report it with what --verbose shows.";
}
