// SPDX-License-Identifier: Apache-2.0
import { findHomesBeside } from "./find-homes.ts";
import { Installed } from "./installed.ts";
import { listPinDirectories, type PinDirectory } from "./pin-directory.ts";

/** What is there of a network namespace: closed together. */
export class Predecessors implements Disposable {
  /** The installation that counts: the one that was made last. */
  readonly current: Installed | undefined;
  /**
   * What the next one goes on from: the installation that counts, or, where there is none, the newest of what killed
   * commands left. That may intercept already, and be all that does.
   */
  readonly base: Installed | undefined;
  /** What commands left that were killed: stagings, and installations that had been replaced already. Newest first. */
  readonly leftovers: readonly Installed[];
  /** Higher than that of any of them. */
  readonly nextGeneration: number;

  constructor(unordered: readonly PinDirectory[]) {
    const directories = unordered.toSorted((a, b) => b.generation - a.generation);
    const current = directories.find(({ state }) => state === "installed");
    this.current = current && new Installed(current);
    this.leftovers = directories.filter((each) => each !== current).map((each) => new Installed(each));
    this.base = this.current ?? this.leftovers[0];
    this.nextGeneration = 1 + Math.max(0, ...directories.map(({ generation }) => generation));
  }

  /**
   * On whichever bpffs.
   *
   * @param bpffs where the next one goes; there need not be anything yet
   */
  static find(bpffs: string, cookie: bigint): Predecessors {
    const homes = [bpffs, ...findHomesBeside(bpffs, cookie)];
    const directories = homes.flatMap((home) => listPinDirectories(home, cookie));
    return new Predecessors(directories);
  }

  get all(): readonly Installed[] {
    return this.current === undefined ? this.leftovers : [this.current, ...this.leftovers];
  }

  [Symbol.dispose](): void {
    for (const each of this.all) each[Symbol.dispose]();
  }
}
