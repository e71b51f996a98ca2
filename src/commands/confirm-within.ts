// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from "node:crypto";
import { configOfWritten } from "../config/config-of-written.ts";
import { ConfigError, TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { findInstallation } from "../engine/find-installation.ts";
import type { IptablesEngine } from "../engine/iptables/engine.ts";
import { type Before, type Pending, readPending, removePending, writePending } from "../engine/pending.ts";
import { stateOwner } from "../engine/state-owner.ts";
import { clockTime, describeBefore, logOf, removeLog, startWaiting, stopWaiting } from "./pending-timer.ts";

/** A change that is about to be made, and is to be confirmed if that was asked for. Taken back unless it is kept. */
export interface ChangeToConfirm extends AsyncDisposable {
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
export function beginChange(
  netns: NetnsFact,
  withinMs: number | undefined,
  iptables: IptablesEngine,
): ChangeToConfirm {
  const waiting = readPending(netns);
  if (withinMs !== undefined) return new TimedChange(netns, withinMs, waiting, iptables);
  if (waiting === undefined) return confirmedChange(netns);
  throw new TproxyError(
    "UNCONFIRMED",
    `the installation that is there waits to be confirmed until ${clockTime(waiting.deadline)}, and then ` +
      `${describeBefore(waiting.before)}`,
    { hint: "Run `tproxyctl confirm` first; or give --confirm-within again, which begins that time anew." },
  );
}

function confirmedChange(netns: NetnsFact): ChangeToConfirm {
  const keep = async () => {
    removeLog(netns);
    return [];
  };
  return { arm: async () => {}, keep, [Symbol.asyncDispose]: async () => {} };
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
  #armed: Pending | undefined;
  #isKept = false;

  constructor(netns: NetnsFact, withinMs: number, earlier: Pending | undefined, iptables: IptablesEngine) {
    this.#netns = netns;
    this.#withinMs = withinMs;
    this.#earlier = earlier;
    this.#iptables = iptables;
  }

  async arm(): Promise<void> {
    if (this.#armed !== undefined) return;
    const before = this.#earlier === undefined ? await this.#findBefore() : this.#earlier.before;
    const token = randomBytes(8).toString("hex");
    const deadline = Date.now() + this.#withinMs;
    const pending = { format: 1, ...stateOwner(this.#netns), token, deadline, before } as const;
    // Written down first: a timer that ran out by now would find nothing.
    this.#write({ ...pending, timer: undefined });
    this.#write({ ...pending, timer: await startWaiting(this.#netns, token, this.#withinMs) });
  }

  /** From the first time on there is something to take back. */
  #write(pending: Pending): void {
    this.#armed = pending;
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
    const { deadline, before, timer } = this.#armed;
    return [
      `# not confirmed yet: at ${clockTime(deadline)} ${describeBefore(before)}, unless you run \`tproxyctl confirm\``,
      `# what happens then is written to ${logOf(this.#netns, timer)}`,
    ];
  }

  /** The change failed, and all was taken back: as before, nothing waits, or what waited before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isKept || this.#armed === undefined) return;
    await stopWaiting(this.#armed.timer);
    if (this.#earlier !== undefined) writePending(this.#netns, this.#earlier);
    else {
      removePending(this.#netns);
      removeLog(this.#netns);
    }
  }
}
