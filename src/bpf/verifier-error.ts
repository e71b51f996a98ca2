// SPDX-License-Identifier: Apache-2.0
import { type ErrorDetails, TproxyError } from "../core/errors.ts";
import { errnoName } from "../native/errno.ts";

/** The kernel's verifier refused a program: the last useful lines in the message, everything in `log`. */
export class VerifierError extends TproxyError {
  readonly program: string;

  constructor(program: string, log: string, details: ErrorDetails & { readonly errno: number }) {
    const lines = lastUsefulLines(log).map((line) => `\n\t${line}`);
    const why = lines.length === 0 ? `: ${errnoName(details.errno)}` : `:${lines.join("")}`;
    const message = `the kernel's verifier refuses the program ${program}${why}`;
    super("PROGRAM_REJECTED", message, { log, ...details });
    this.program = program;
  }
}

/** What the verifier adds to any log: its statistics. */
const STATISTICS = /^(processed \d+ insns|verification time|stack depth|insns processed|max_states)/;

/** The complaint is at the end of the log; the instruction and the line of C that it is about are before it. */
function lastUsefulLines(log: string, count = 3): string[] {
  const lines = log.split("\n").map((line) => line.trimEnd());
  return lines.filter((line) => line !== "" && !STATISTICS.test(line)).slice(-count);
}

const FAILED = /^libbpf: prog '(.*?)': BPF program load failed/;
const LOG = /^libbpf: prog '(.*?)': -- BEGIN PROG LOAD LOG --\n([\s\S]*)-- END PROG LOAD LOG --$/;

/** The program that was refused and the verifier's log, found among libbpf's messages. */
export function findRejection(
  messages: readonly string[],
): { readonly program: string; readonly log: string } | undefined {
  for (const message of messages) {
    const [, program, log] = LOG.exec(message) ?? [];
    if (program !== undefined && log !== undefined) return { program, log };
  }
  for (const message of messages) {
    const [, program] = FAILED.exec(message) ?? [];
    if (program !== undefined) return { program, log: "" };
  }
  return undefined;
}
