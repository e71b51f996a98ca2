// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import { BpfLink } from "../../bpf/link.ts";
import type { BpfObject } from "../../bpf/object.ts";
import type { BpfProgram } from "../../bpf/program.ts";
import type { Undo } from "../../core/undo.ts";
import { attachFilter } from "./filter.ts";
import { type Hook, hookKey } from "./hooks.ts";
import type { Installed } from "./installed.ts";

const NETNS = "/proc/thread-self/ns/net";

export interface AttachOptions {
  readonly cgroup: string;
  readonly tcx: boolean;
  readonly previous: Installed | undefined;
  /** Learns how to go back. */
  readonly undo: Undo;
}

/**
 * Attaches programs. Where the installation before has a link at the same place, its program is replaced
 * there: there is no moment without one. The links that are new end with this object, unless they are pinned.
 */
export class Attacher implements Disposable {
  readonly links = new Map<string, BpfLink>();
  readonly #options: AttachOptions;
  readonly #made: BpfLink[] = [];

  constructor(options: AttachOptions) {
    this.#options = options;
  }

  attachAll(object: BpfObject, hooks: readonly Hook[]): void {
    for (const hook of hooks) {
      const program = object.program(hook.program);
      if (hook.kind === "tc" && !this.#options.tcx)
        attachFilter(hook, program, this.#options.previous, this.#options.undo);
      else this.links.set(hookKey(hook), this.#replace(hook, program) ?? this.#create(hook, program));
    }
  }

  /** Whether the links at all these hooks are those of the installation before. */
  isInPlace(hooks: readonly Hook[]): boolean {
    const made = new Set(this.#made);
    return hooks.every((hook) => {
      const link = this.links.get(hookKey(hook));
      return link !== undefined && !made.has(link);
    });
  }

  #replace(hook: Hook, program: BpfProgram): BpfLink | undefined {
    const { previous, undo } = this.#options;
    const link = previous?.link(hookKey(hook));
    if (previous === undefined || link === undefined || !this.#isAt(link, hook)) return undefined;
    const before = previous.programOf(link);
    link.update(program);
    if (before !== undefined) undo.add(`putting ${hook.program} back`, () => link.update(before));
    return link;
  }

  /** A link can outlive its cgroup or interface, and the cgroup can be another one than last time. */
  #isAt(link: BpfLink, hook: Hook): boolean {
    const { target, defunct } = link.info();
    if (defunct) return false;
    if (hook.kind === "cgroup")
      return target.kind === "cgroup" && target.cgroupId === cgroupId(this.#options.cgroup);
    if (hook.kind === "tc") return target.kind === "tcx" && target.ifindex === hook.index;
    return target.kind === "netns";
  }

  #create(hook: Hook, program: BpfProgram): BpfLink {
    const link = attach(hook, program, this.#options.cgroup);
    this.#made.push(link);
    return link;
  }

  [Symbol.dispose](): void {
    for (const link of this.#made.splice(0)) link[Symbol.dispose]();
  }
}

function attach(hook: Hook, program: BpfProgram, cgroup: string): BpfLink {
  switch (hook.kind) {
    case "cgroup":
      return BpfLink.attachCgroup(program, cgroup, hook.hook === "sockops" ? "sock_ops" : hook.hook);
    case "netns":
      return BpfLink.attachNetns(program, NETNS);
    case "tc":
      return BpfLink.attachTcx(program, hook.index);
  }
}

/** The kernel's id of a cgroup is the inode number of its directory. */
export function cgroupId(path: string): bigint {
  return statSync(path, { bigint: true }).ino;
}
