// SPDX-License-Identifier: Apache-2.0
import { libc } from "./libc.ts";

/** `sigset_t`, the same size with glibc and musl: a bit for each signal, and room. */
const SIGSET_BYTES = 128;

/** Of <asm-generic/signal-defs.h>, which every architecture that Node.js runs on has. */
const SIG_SETMASK = 2;

/**
 * Does something that the kernel gives up with EAGAIN when a signal comes. Signals wait meanwhile: to this thread they are
 * delivered afterwards, to the process at once, by another thread. Nothing asynchronous: the mask is this thread's.
 */
export function withoutSignals<T>(action: () => T): T {
  const before = new Uint8Array(SIGSET_BYTES);
  const all = new Uint8Array(SIGSET_BYTES).fill(0xff);
  libc().pthread_sigmask(SIG_SETMASK, all, before);
  try {
    return action();
  } finally {
    libc().pthread_sigmask(SIG_SETMASK, before, null);
  }
}
