// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { effectiveCapabilities } from "../../host/capabilities.ts";
import { isInCgroup } from "../../host/cgroups.ts";
import { isRoot } from "../require-root.ts";
import { OwnProbe, type Probe } from "./probe.ts";
import { ProbeProcess } from "./probe-process.ts";
import type { Identities } from "./situation.ts";

/** The probes of one run, each user's started when it is needed. */
export class ProbeSet {
  readonly #probes = new Map<number, Promise<Probe>>();
  /** From their first moment: one that never gets ready has to be ended, too. */
  readonly #open: Probe[] = [];
  #cgroup: string | undefined;
  #closed = false;

  identities(): Identities {
    const capabilities = effectiveCapabilities();
    const any = isRoot() && capabilities.has("setuid") && capabilities.has("setgid");
    return { uid: process.geteuid?.() ?? 0, any };
  }

  /** Where connections are intercepted in this cgroup alone, they are made in it. */
  useCgroup(cgroup: string | undefined): void {
    const isElsewhere = cgroup !== undefined && existsSync(cgroup) && !isInCgroup(process.pid, cgroup);
    this.#cgroup = isElsewhere ? cgroup : undefined;
  }

  /**
   * @throws TproxyError COMMAND_FAILED where it cannot be that user, CGROUP_UNUSABLE where nobody can be where connections
   *   are intercepted
   */
  of(uid: number): Promise<Probe> {
    if (this.#closed) throw new Error("the probes have been closed");
    const found = this.#probes.get(uid);
    if (found !== undefined) return found;
    const probe = this.#start(uid);
    this.#probes.set(uid, probe);
    return probe;
  }

  async #start(uid: number): Promise<Probe> {
    const { any } = this.identities();
    const role = { uid, cgroup: this.#cgroup };
    if (!any && role.cgroup === undefined) {
      const own = new OwnProbe();
      this.#open.push(own);
      return own;
    }
    const probe = new ProbeProcess(uid);
    this.#open.push(probe);
    await probe.assume(role);
    return probe;
  }

  /** All at once: each is told to end before any is waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#open.splice(0).map((probe) => probe.close()));
  }
}
