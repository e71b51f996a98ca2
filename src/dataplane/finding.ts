// SPDX-License-Identifier: Apache-2.0

/** Something about a Dataplane that the user should know. */
export interface Finding {
  /** An error: it does not fit. A warning: it may be meant. */
  readonly severity: "error" | "warning";
  /** Where, as a path: "networking.transparentProxying.redirectPortInbound". */
  readonly path: string;
  readonly message: string;
  /** What to do, as a command or a change. */
  readonly remedy: string;
}

/** Takes what is found. */
export interface Findings {
  error(path: string, message: string, remedy: string): void;
  warning(path: string, message: string, remedy: string): void;
}
