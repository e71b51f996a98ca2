// `tproxyctl install` as on a kernel that lacks something: the real kernel, asked for less.

import { COMMANDS, type Commands } from "../../src/cli/commands.ts";
import { EbpfEngine } from "../../src/engine/ebpf/engine.ts";
import { type Features, probeFeatures } from "../../src/engine/ebpf/features.ts";
import { readHostFacts } from "../../src/engine/host-facts.ts";
import { lockNamespace } from "../../src/host/lock.ts";
import { makePlan } from "../../src/plan/make-plan.ts";

/** The commands, whose eBPF engine takes the kernel for one with these features. */
export function commandsWith(overrides: Partial<Features>): Commands {
  return {
    ...COMMANDS,
    install: async () => ({
      runInstall: async (config, _options, io) => {
        const engine = new EbpfEngine(config, () => ({ ...probeFeatures(), ...overrides }));
        const facts = readHostFacts(config);
        using _lock = await lockNamespace(facts.netns.inode);
        const { replaced } = await engine.install(makePlan(config, facts));
        io.out(replaced ? "replaced" : "installed");
        return 0;
      },
    }),
  };
}
