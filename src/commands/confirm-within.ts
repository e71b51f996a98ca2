// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from "node:crypto";
import { configOfWritten } from "../config/config-of-written.ts";
import { ConfigError, describeError, TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { findInstallation } from "../engine/find-installation.ts";
import type { IptablesEngine } from "../engine/iptables/engine.ts";
import { type Before, type Pending, readPending, writePending } from "../engine/pending.ts";
import { isUnchanged, type PresentState, readPresentState } from "../engine/present-state.ts";
import { stateOwner } from "../engine/state-owner.ts";
import { forget, isOver, unconfirmed } from "./pending-state.ts";
import { clockTime, describeBefore, logOf, removeLog, startWaiting, stopWaiting } from "./pending-timer.ts";

/**
 * A change that is about to be made, and is to be confirmed if that was asked for. Where it is not kept and nothing of it is
 * left, nothing waits for it either.
 */
export interface ChangeToConfirm extends AsyncDisposable {
  /**
   * Whether it could be put back. Changes nothing.
   *
   * @throws TproxyError CONFIRM_UNUSABLE
   */
  check(): Promise<void>;
  /** From now on all is put back in time, whatever becomes of us. Twice is once. Before anything is changed. */
  arm(): Promise<void>;
  /**
   * The change has been made.
   *
   * @returns what the user has to know, one line each
   */
  keep(): Promise<string[]>;
}

/**
 * Whoever calls it holds the lock of the namespace.
 *
 * @param withinMs undefined: it need not be confirmed
 * @throws TproxyError UNCONFIRMED where another change waits, which this one would change without being confirmed itself
 */
export async function beginChange(
  netns: NetnsFact,
  withinMs: number | undefined,
  iptables: IptablesEngine,
  note: (line: string) => void,
): Promise<ChangeToConfirm> {
  const waiting = readPending(netns);
  if (withinMs !== undefined) return new TimedChange(netns, withinMs, waiting, iptables, note);
  if (waiting === undefined) return confirmedChange(netns, async () => {});
  const present = await readPresentState(netns, iptables);
  if (!isOver(waiting, present)) throw unconfirmed(waiting, present);
  return confirmedChange(netns, () => forget(netns, waiting));
}

function confirmedChange(netns: NetnsFact, arm: () => Promise<void>): ChangeToConfirm {
  const keep = async () => {
    removeLog(netns);
    return [];
  };
  return { check: async () => {}, arm, keep, [Symbol.asyncDispose]: async () => {} };
}

function notToBePutBack(why: string, cause?: ConfigError): TproxyError {
  return new TproxyError("CONFIRM_UNUSABLE", `the installation that is there could not be put back: ${why}`, {
    cause,
    hint:
      "It is kumactl's, or another version's. Install first with the options that it has, without --confirm-within; from " +
      "then on it can be put back.",
  });
}

class TimedChange implements ChangeToConfirm {
  readonly #netns: NetnsFact;
  readonly #withinMs: number;
  /** The change before, which waits still. */
  readonly #earlier: Pending | undefined;
  readonly #iptables: IptablesEngine;
  readonly #note: (line: string) => void;
  #armed: { readonly pending: Pending; readonly present: PresentState } | undefined;
  #isKept = false;

  constructor(
    netns: NetnsFact,
    withinMs: number,
    earlier: Pending | undefined,
    iptables: IptablesEngine,
    note: (line: string) => void,
  ) {
    this.#netns = netns;
    this.#withinMs = withinMs;
    this.#earlier = earlier;
    this.#iptables = iptables;
    this.#note = note;
  }

  async check(): Promise<void> {
    if (this.#earlier === undefined) await this.#findBefore();
  }

  async arm(): Promise<void> {
    if (this.#armed !== undefined) return;
    const before = this.#earlier === undefined ? await this.#findBefore() : this.#earlier.before;
    const present = await readPresentState(this.#netns, this.#iptables);
    const token = randomBytes(8).toString("hex");
    const deadline = Date.now() + this.#withinMs;
    // It runs before it is written down: until then, what waited before is what puts back. One that runs out by now waits
    // for the lock, which we hold.
    const timer = await startWaiting(this.#netns, token, this.#withinMs);
    const pending: Pending = { format: 1, ...stateOwner(this.#netns), token, deadline, before, timer };
    this.#armed = { pending, present };
    if (writePending(this.#netns, pending)) return;
    throw new TproxyError("CONFIRM_UNUSABLE", "what is to be put back cannot be written down below /run", {
      hint: "Make /run writable, or install without --confirm-within.",
    });
  }

  async #findBefore(): Promise<Before | undefined> {
    const found = await findInstallation(this.#netns, this.#iptables);
    if (found === undefined) return undefined;
    const { engine, record } = found;
    const config = record?.config;
    if (config === undefined)
      throw notToBePutBack("it does not know the configuration that it was made with");
    try {
      configOfWritten(config);
    } catch (cause) {
      if (!(cause instanceof ConfigError)) throw cause;
      throw notToBePutBack(`this version does not take its configuration: ${cause.message}`, cause);
    }
    return { engine, config };
  }

  async keep(): Promise<string[]> {
    this.#isKept = true;
    if (this.#armed === undefined) throw new Error("nothing was armed");
    await stopWaiting(this.#earlier?.timer);
    const { deadline, before, timer } = this.#armed.pending;
    return [
      `# not confirmed yet: at ${clockTime(deadline)} ${describeBefore(before)}, unless you run \`tproxyctl confirm\``,
      `# what happens then is written to ${logOf(this.#netns, timer)}`,
    ];
  }

  /** The change failed. Where all was taken back, nothing waits, or what waited before; else this goes on to wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isKept || this.#armed === undefined) return;
    const { pending, present } = this.#armed;
    if (!(await this.#isTakenBack(present))) {
      await stopWaiting(this.#earlier?.timer);
      this.#note(
        `warning: not everything was taken back: at ${clockTime(pending.deadline)} ${describeBefore(pending.before)}; ` +
          "`tproxyctl uninstall` removes all of it now",
      );
      return;
    }
    if (this.#earlier === undefined) return forget(this.#netns, pending);
    if (writePending(this.#netns, this.#earlier)) await stopWaiting(pending.timer);
  }

  /** What cannot be looked at may be anything. */
  async #isTakenBack(before: PresentState): Promise<boolean> {
    try {
      return isUnchanged(before, await readPresentState(this.#netns, this.#iptables));
    } catch (error) {
      this.#note(`warning: it cannot be seen whether everything was taken back: ${describeError(error)}`);
      return false;
    }
  }
}
