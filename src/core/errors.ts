// SPDX-License-Identifier: Apache-2.0

/**
 * Every error code the program can end with, and what it stands for. A code is part of the interface:
 * scripts match on it, `docs/errors.md` explains it, and a test holds the two together.
 */
export const ERROR_CODES = {
  USAGE: "the command line is not one that the program understands",
  CONFIG_INVALID: "one or more options have a value that cannot be used",
  NOT_LINUX: "the program runs on Linux only",
  NOT_ROOT: "the command changes the network namespace and must run as root",
  RUNS_AS_ROOT: "the proxy must not run as root unless told to",
  CAPABILITY_MISSING: "a capability that the command needs is not there",
  ENGINE_UNAVAILABLE: "the engine asked for does not exist or cannot work here",
  OPTION_UNSUPPORTED: "the engine cannot do what an option asks for",
  USER_UNKNOWN: "the proxy's user does not exist",
  LOOPBACK_DOWN: "the loopback interface of this network namespace is down",
  PROGRAMS_UNUSABLE:
    "the prebuilt eBPF objects are missing, unreadable, damaged, of another version, or open to others",
  CGROUP_UNUSABLE:
    "there is no cgroup2 here, the path given is not one, or a program there lets no other beside it",
  BPFFS_UNUSABLE: "the directory for the pins is not on a BPF file system and cannot be made one",
  LOCKED: "another tproxyctl is changing this network namespace",
  INTERRUPTED: "a signal came before anything was changed",
  KERNEL_TOO_OLD: "the kernel lacks something that the eBPF engine cannot do without",
  PROCESSOR_UNSUPPORTED: "the eBPF engine does not know this kind of processor",
  LIBBPF_UNUSABLE: "libbpf is missing or too old",
  LIBC_UNUSABLE: "the C library cannot be used",
  PROGRAM_REJECTED: "the kernel's verifier refused a program",
  SYSCALL_FAILED: "a system call failed",
  COMMAND_FAILED: "a program that was run failed",
  IPTABLES_UNUSABLE: "iptables, or a module of it that the rules need, is missing",
  IPTABLES_FAILED: "iptables did not read or change the rules",
  STATE_DAMAGED: "the pins of an installation cannot be understood",
  STORE_FAILED:
    "the installation could not be stored for the next start of the host, or what is stored not changed",
  PROXY_FAILED: "the embedded proxy cannot listen or go on",
  CONFIRMATION_NEEDED: "the command asks before it does this, and there is no terminal to ask",
  LEFTOVERS_REMAIN: "not all that other programs left could be removed",
  VERIFY_FAILED: "connections are not intercepted as they should be, or nothing shows that they are",
  LOCK_OUT: "people who come to this host by SSH would be locked out",
  CONFIRM_UNUSABLE: "it cannot be made sure that everything is put back unless it is confirmed",
  UNCONFIRMED: "an installation waits to be confirmed, and this is none of what may happen meanwhile",
  NOTHING_TO_CONFIRM: "no installation waits to be confirmed",
  DATAPLANE_INVALID: "a Dataplane resource cannot be read, or cannot be changed without guessing",
  INTERNAL: "a bug in tproxyctl",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  /** What the user can do about it, as a full sentence. */
  readonly hint?: string;
  /** The error underneath. */
  readonly cause?: unknown;
  /** A long text that belongs to the error (a verifier log, a program's stderr): shown with `--verbose`. */
  readonly log?: string;
  /** errno of the system call that failed, positive, where there is one. */
  readonly errno?: number;
}

/** An error that is explained to the user: what was being done and what failed, with a hint what to do. */
export class TproxyError extends Error {
  override readonly name = "TproxyError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly log: string | undefined;
  readonly errno: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.log = details.log;
    this.errno = details.errno;
  }
}

/** One thing wrong with the options, and where its value came from (`--flag`, `file:key`, `VARIABLE`). */
export interface Problem {
  readonly source: string;
  readonly message: string;
}

/** All problems of a configuration at once: a user mends them in one go. */
export class ConfigError extends TproxyError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], hint?: string) {
    const lines = problems.map((problem) => `${problem.source}: ${problem.message}`);
    super("CONFIG_INVALID", lines.join("\n"), hint === undefined ? {} : { hint });
    this.problems = problems;
  }
}

/** The message of anything that was thrown, with the messages of its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  return `${error.message}: ${describeError(error.cause)}`;
}

/** The errno name of a Node.js system error ("ENOENT"), if `error` is one. */
export function systemErrorCode(error: unknown): string | undefined {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return undefined;
}
