// SPDX-License-Identifier: Apache-2.0

/** Where a command writes. Errors it throws. Each call is one line, given without the newline at its end. */
export interface CommandIo {
  /** A result: stdout. */
  readonly out: (line: string) => void;
  /** What the user should know beside the result: stderr, as it is given. */
  readonly note: (line: string) => void;
}
