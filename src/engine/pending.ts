// SPDX-License-Identifier: Apache-2.0
import type { WrittenConfig } from "../config/written-config.ts";
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { StateFile } from "../host/state-file.ts";
import type { EngineName } from "./engine.ts";
import { isOwnedBy, type StateOwner } from "./state-owner.ts";

/**
 * A change that everything is put back from unless it is confirmed: the file /run/tproxyctl/confirm-<inode>.json. It is
 * there before anything is changed, and goes with the confirmation, with the removal of the installation, or when all is as
 * it was. Whoever reads or writes it holds the lock of the namespace.
 */
export interface Pending extends StateOwner {
  /** Of this format. */
  readonly format: 1;
  /** Only who knows it puts back: a timer of a change that was confirmed, or extended, finds another one or none. */
  readonly token: string;
  /** When, in milliseconds since 1970. */
  readonly deadline: number;
  /** What was there before the first change that nobody has confirmed; undefined: nothing. */
  readonly before: Before | undefined;
  /** It ran before this was written. */
  readonly timer: Timer;
  /** Why putting back failed. It is not tried again. */
  readonly failure?: string;
}

export interface Before {
  readonly engine: EngineName;
  readonly config: WrittenConfig;
}

/** What waits: a timer of systemd, or a process of ours. */
export type Timer =
  | { readonly kind: "systemd"; readonly unit: string }
  | {
      readonly kind: "process";
      readonly pid: number;
      /** In ticks after boot, as /proc/<pid>/stat says it: PIDs are used again. */
      readonly started: string;
    };

/**
 * The change that waits to be confirmed in a network namespace; undefined where none does.
 *
 * @throws TproxyError STATE_DAMAGED where it cannot be understood
 */
export function readPending(netns: NetnsFact): Pending | undefined {
  const file = fileOf(netns);
  const text = file.read();
  if (text === undefined) return undefined;
  const pending = parse(text, file.path);
  return isOwnedBy(pending, netns) ? pending : undefined;
}

/** For who can do something without it. */
export function tryReadPending(netns: NetnsFact): {
  readonly pending: Pending | undefined;
  readonly damage?: TproxyError;
} {
  try {
    return { pending: readPending(netns) };
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code !== "STATE_DAMAGED") throw error;
    return { pending: undefined, damage: error };
  }
}

/** @returns false where it cannot be kept: /run is missing or read-only */
export function writePending(netns: NetnsFact, pending: Pending): boolean {
  return fileOf(netns).write(`${JSON.stringify(pending)}\n`);
}

export function removePending(netns: NetnsFact): void {
  fileOf(netns).remove();
}

function fileOf({ inode }: NetnsFact): StateFile {
  return new StateFile(`confirm-${inode}.json`);
}

/** Only this program, as root, writes such files: the format's number tells whether we can read it. */
function parse(text: string, path: string): Pending {
  const hint = `\`tproxyctl uninstall\` removes it, and what is installed; or look at the file, and remove it (rm ${path}).`;
  try {
    const value: unknown = JSON.parse(text);
    if (isPending(value)) return value;
  } catch (cause) {
    throw new TproxyError("STATE_DAMAGED", `${path} is no JSON`, { cause, hint });
  }
  throw new TproxyError("STATE_DAMAGED", `${path} is none that this version of tproxyctl can read`, { hint });
}

function isPending(value: unknown): value is Pending {
  return typeof value === "object" && value !== null && "format" in value && value.format === 1;
}
