// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { ERRNO, errnoName } from "../native/errno.ts";
import { findRejection, VerifierError } from "./verifier-error.ts";

export const CAPABILITY_HINT =
  "Loading needs CAP_BPF and CAP_NET_ADMIN (CAP_SYS_ADMIN before Linux 5.8), and CAP_SYS_RESOURCE before 5.11; " +
  "a container also needs a seccomp profile that allows bpf(2).";

/** What made bpf_object__load fail, out of its errno and libbpf's messages. */
export function loadError(file: string, errno: number, messages: readonly string[]): TproxyError {
  const log = messages.join("\n");
  const rejection = findRejection(messages);
  if (errno === ERRNO.EAGAIN) return interrupted(file, rejection?.program, log);
  if (rejection !== undefined && (rejection.log !== "" || errno !== ERRNO.EPERM)) {
    const { program, log: verifierLog } = rejection;
    return new VerifierError(program, verifierLog, verifierLog === "" ? { errno, log } : { errno });
  }
  if (errno === ERRNO.EPERM) {
    const message = `no permission to load ${file}`;
    return new TproxyError("CAPABILITY_MISSING", message, { errno, log, hint: CAPABILITY_HINT });
  }
  const reason =
    messages.find((message) => /error|fail/i.test(message)) ?? messages.at(0) ?? "no reason given";
  return new TproxyError("PROGRAM_REJECTED", `cannot load ${file}: ${errnoName(errno)}: ${reason}`, {
    errno,
    log,
  });
}

/** The log ends in the middle of a program that nothing is wrong with: it explains nothing. */
function interrupted(file: string, program: string | undefined, log: string): TproxyError {
  const what = program === undefined ? file : `the program ${program}`;
  return new TproxyError("SYSCALL_FAILED", `the kernel was interrupted while it checked ${what}: EAGAIN`, {
    errno: ERRNO.EAGAIN,
    log,
    hint: "Nothing is wrong with the program: try again. A debugger or a frozen cgroup does this.",
  });
}
