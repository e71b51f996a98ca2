// What a check is, and what it can find.

import { release } from "node:os";
import { atLeast, parseKernelRelease } from "../../src/host/kernel.ts";
import type { Running, World } from "../support/world.ts";
import type { Column } from "./columns.ts";

/**
 * - "works": as it should;
 * - "falls back": this kernel lacks something, another way was taken, and that works;
 * - "-": this kernel does not have what is asked about.
 */
export type State = "works" | "falls back" | "-";

export interface Found {
  readonly state: State;
  readonly detail: string;
}

export interface Check {
  readonly name: string;
  /** What it says something about in the table of the README. */
  readonly column?: Column;
  /** Without it nothing else in the group can work. */
  readonly essential?: boolean;
  /** Left out where somebody waits. */
  readonly whole?: boolean;
  /** Throws where it does not hold; may return a word on how it does. */
  readonly run: (guest: Guest) => Promise<Found | string | undefined>;
}

/** What is tried one after the other, in a world of its own. */
export interface Group {
  readonly name: string;
  /** Flags of `install`. */
  readonly flags: readonly string[];
  /** In what the commands of `tproxyctl` run, where it is not as everywhere. */
  readonly within?: readonly string[];
  /** False: on a machine where cgroup2 is not mounted. */
  readonly withCgroup?: boolean;
  /** Left out where somebody waits. */
  readonly whole?: boolean;
  /** What the world begins with. */
  readonly start?: () => Promise<World>;
  readonly checks: readonly Check[];
}

/** What the checks of a group have in common. */
export interface Guest {
  readonly group: Group;
  readonly world: World;
  readonly flags: readonly string[];
  proxy: Running | undefined;
}

/** A kernel that is new enough must have it: what was found only says that it is not there. */
export function absent(since: string, detail: string, state: Exclude<State, "works"> = "-"): Found {
  const { major, minor } = parseKernelRelease(since);
  if (atLeast(parseKernelRelease(release()), major, minor))
    throw new Error(`${detail}, although Linux has it since ${since} and this is ${release()}`);
  return { state, detail };
}
