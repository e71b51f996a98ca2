// SPDX-License-Identifier: Apache-2.0

/** One thing that an engine needs or can use, and what was found of it. For `doctor`. */
export interface Check {
  /** One word for scripts, kebab-case: "cgroup2". */
  readonly name: string;
  /** For people, a few words: "a cgroup2 file system". */
  readonly what: string;
  /**
   * "missing": the engine cannot work. "limited": it works, but not as well, as `found` says. "unknown": only root
   * can find out.
   */
  readonly state: "ok" | "limited" | "missing" | "unknown";
  /** What is there, or what the system said: "/sys/fs/cgroup/unified", "EPERM". */
  readonly found: string;
  /** What the user can do about it, a full sentence; undefined where nothing is to be done. */
  readonly remedy: string | undefined;
}
