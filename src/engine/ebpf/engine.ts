// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { writeConfig } from "../../config/written-config.ts";
import { isInCgroup } from "../../host/cgroups.ts";
import type { SocketOwners } from "../../host/socket-owner.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Description, Engine, InstallReport } from "../engine.ts";
import { type AroundCommit, apply, type Place } from "./apply.ts";
import { checkPlace, findPlace } from "./check.ts";
import { describePlan } from "./describe.ts";
import { requireRoom } from "./exclusive-programs.ts";
import { type Features, probeFeatures } from "./features.ts";
import { attachTypeOf, chooseHooks } from "./hooks.ts";
import { loadPrograms } from "./load.ts";
import { noteOptionsWithoutMeaning } from "./note-options.ts";
import { openPrograms } from "./object-file.ts";
import { requireKernel } from "./require.ts";

/** Programs at cgroup, tc and sk_lookup hooks; their state is pinned to a bpffs. Nothing of it runs by itself. */
export class EbpfEngine implements Engine {
  readonly name = "ebpf";
  readonly #config: Config;
  readonly #features: () => Features;

  constructor(config: Config, features: () => Features = probeFeatures) {
    this.#config = config;
    this.#features = features;
  }

  /**
   * Says what it can without root, who alone may look at everything. As root, the programs are loaded with this plan,
   * and let go: what the kernel refuses, it refuses here. Changes nothing.
   */
  async describe(plan: Plan): Promise<Description> {
    requireKernel();
    const place = findPlace(this.#config.ebpf, plan.netns);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) checkPlace(place, plan);
    using object = openPrograms(place.programs);
    const features = this.#features();
    if (isRoot) {
      const hooks = chooseHooks(plan, features);
      loadPrograms(object, plan, features, hooks, undefined);
      requireRoom(
        place.cgroup,
        hooks.flatMap((hook) => (hook.kind === "cgroup" ? [attachTypeOf(hook)] : [])),
      );
    }
    return {
      text: [
        "# dry run: this is what would be done, nothing was changed",
        ...describePlan(plan, place, features),
      ],
      notes: noteOptionsWithoutMeaning(this.#config),
    };
  }

  /**
   * Finds out, as far as that goes without loading anything, whether it can do its work. Changes nothing.
   *
   * @throws TproxyError with what is in the way
   */
  check(plan: Plan): Place {
    requireKernel();
    const place = findPlace(this.#config.ebpf, plan.netns);
    checkPlace(place, plan);
    return place;
  }

  async install(plan: Plan, around?: AroundCommit): Promise<InstallReport> {
    const place = this.check(plan);
    const {
      replaced,
      listeners,
      owners,
      notes: applied,
    } = await apply(plan, place, this.#features(), writeConfig(this.#config), around);
    const notes = [
      ...noteOptionsWithoutMeaning(this.#config),
      ...noteProxiesOutside(owners, place.cgroup),
      ...applied,
    ];
    return { replaced, listeners, notes };
  }
}

/** Where a proxy is in another cgroup, it is never told where a connection was going. */
function noteProxiesOutside(owners: SocketOwners, cgroup: string): string[] {
  const outside = [...new Map([...owners.values()].map((owner) => [owner.pid, owner])).values()].filter(
    ({ pid }) => !isInCgroup(pid, cgroup),
  );
  return outside.map(
    ({ pid, command }) =>
      `the proxy (process ${pid}, ${command}) is not in the cgroup ${cgroup}: it cannot ask where a connection ` +
      "was going; start it there, or name a cgroup that holds it with --ebpf-cgroup-path",
  );
}
