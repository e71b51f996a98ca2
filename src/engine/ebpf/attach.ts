// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import { join } from "node:path";
import type { AttachType } from "../../bpf/attach-types.ts";
import { BpfLink, type LinkInfo } from "../../bpf/link.ts";
import type { BpfObject } from "../../bpf/object.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { TproxyError } from "../../core/errors.ts";
import type { Undo } from "../../core/undo.ts";
import { requireRoom } from "./exclusive-programs.ts";
import { attachFilter } from "./filter.ts";
import { attachTypeOf, type Hook, hookKey } from "./hooks.ts";
import { linkPin } from "./pin-directory.ts";
import type { Predecessors } from "./predecessors.ts";

const NETNS = "/proc/thread-self/ns/net";

export interface AttachOptions {
  readonly cgroup: string;
  readonly tcx: boolean;
  readonly predecessors: Predecessors;
  /** Where links are pinned. */
  readonly staging: string;
}

/**
 * Attaches programs. Where the installation before has a link at the same place, its program can be replaced there: there
 * is no moment without one, and none with both. To be disposed of after the `Undo` that learnt how to go back.
 */
export class Attacher implements Disposable {
  readonly links = new Map<string, BpfLink>();
  readonly #options: AttachOptions;
  readonly #made = new Set<BpfLink>();
  readonly #before: BpfProgram[] = [];

  constructor(options: AttachOptions) {
    this.#options = options;
  }

  /** In the place of what is there. */
  attachAll(object: BpfObject, hooks: readonly Hook[], undo: Undo): void {
    for (const hook of hooks) {
      const program = object.program(hook.program);
      const { tcx, predecessors } = this.#options;
      if (hook.kind === "tc" && !tcx) this.#remember(attachFilter(hook, program, predecessors, undo));
      else this.#keep(hook, this.#replace(hook, program, undo) ?? this.#create(hook, program, undo));
    }
  }

  /** Beside what is there, which goes on with what it began. */
  attachBeside(object: BpfObject, hooks: readonly Hook[], undo: Undo): void {
    for (const hook of hooks) this.#keep(hook, this.#create(hook, object.program(hook.program), undo));
  }

  /** Whether the links at all these hooks are those of the installation before. */
  isInPlace(hooks: readonly Hook[]): boolean {
    return hooks.every((hook) => {
      const link = this.links.get(hookKey(hook));
      return link !== undefined && !this.#made.has(link);
    });
  }

  /**
   * Of a first installation, that is for the end: when this is killed before, no link of it stays. Before Linux 6.6 a
   * filter does, which the record names.
   */
  pinRest(): void {
    if (this.#options.predecessors.base !== undefined) return;
    for (const [key, link] of this.links) this.#pin(key, link);
  }

  /**
   * Over an installation, or what is left of one, links are pinned at once. If this is killed, there are programs of both, and each connection
   * needs all of those that decided it.
   */
  #keep(hook: Hook, link: BpfLink): void {
    const key = hookKey(hook);
    this.links.set(key, link);
    if (this.#options.predecessors.base !== undefined) this.#pin(key, link);
  }

  #pin(key: string, link: BpfLink): void {
    link.pin(join(this.#options.staging, linkPin(key)));
  }

  #replace(hook: Hook, program: BpfProgram, undo: Undo): BpfLink | undefined {
    const found = this.#options.predecessors.base?.links().find(({ info }) => this.#isAt(info, hook));
    if (found === undefined) return undefined;
    const { link, info } = found;
    const before = BpfProgram.tryById(info.programId) ?? this.#pinned(hook.program);
    this.#remember(before);
    link.update(program);
    if (before !== undefined) undo.add(`putting ${hook.program} back`, () => link.update(before));
    return link;
  }

  /** Open until nobody undoes anything any more. */
  #remember(before: BpfProgram | undefined): void {
    if (before !== undefined) this.#before.push(before);
  }

  /** Where we may not look at what a link runs; undefined where somebody removed the pin. */
  #pinned(name: string): BpfProgram | undefined {
    const { base } = this.#options.predecessors;
    return base?.programNames().includes(name) ? base.program(name).duplicate() : undefined;
  }

  /** A link can outlive its cgroup or interface, and the cgroup can be another one than last time. */
  #isAt({ target, defunct, attachType }: LinkInfo, hook: Hook): boolean {
    if (defunct) return false;
    switch (hook.kind) {
      case "cgroup":
        return (
          target.kind === "cgroup" &&
          attachType === attachTypeOf(hook) &&
          target.cgroupId === cgroupId(this.#options.cgroup)
        );
      case "netns":
        return target.kind === "netns" && attachType === "sk_lookup";
      case "tc":
        return target.kind === "tcx" && attachType === "tcx_ingress" && target.ifindex === hook.index;
      case "other":
        return false;
    }
  }

  #create(hook: Hook, program: BpfProgram, undo: Undo): BpfLink {
    const link = attach(hook, program, this.#options.cgroup);
    this.#made.add(link);
    undo.add(`detaching ${hook.program}`, () => link.detach());
    return link;
  }

  [Symbol.dispose](): void {
    for (const each of [...this.#made, ...this.#before.splice(0)]) each[Symbol.dispose]();
    this.#made.clear();
  }
}

function attach(hook: Hook, program: BpfProgram, cgroup: string): BpfLink {
  switch (hook.kind) {
    case "cgroup":
      return attachCgroup(attachTypeOf(hook), program, cgroup);
    case "netns":
      return BpfLink.attachNetns(program, NETNS);
    case "tc":
      return BpfLink.attachTcx(program, hook.index);
    case "other":
      throw new TproxyError("INTERNAL", `${hook.program} is another version's`);
  }
}

/** Of the reasons for EPERM one can be seen: a program that lets no other beside it. */
function attachCgroup(type: AttachType, program: BpfProgram, cgroup: string): BpfLink {
  try {
    return BpfLink.attachCgroup(program, cgroup, type);
  } catch (error) {
    if (error instanceof TproxyError && error.errno === EPERM) requireRoom(cgroup, [type]);
    throw error;
  }
}

const EPERM = 1;

/** The kernel's id of a cgroup is the inode number of its directory. */
export function cgroupId(path: string): bigint {
  return statSync(path, { bigint: true }).ino;
}
