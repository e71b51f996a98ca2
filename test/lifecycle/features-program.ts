// `tproxyctl install` as on a kernel that lacks something: the real kernel, asked for less. Run by node in the
// service's namespace, with what the kernel is said to lack as JSON, then the arguments of `install`.

import type { Commands } from "../../src/cli/commands.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { processEnvironment } from "../../src/cli/environment.ts";
import { run } from "../../src/cli/run.ts";
import { EbpfEngine } from "../../src/engine/ebpf/engine.ts";
import { type Features, probeFeatures } from "../../src/engine/ebpf/features.ts";
import { readHostFacts } from "../../src/engine/host-facts.ts";
import { lockNamespace } from "../../src/host/lock.ts";
import { makePlan } from "../../src/plan/make-plan.ts";

const [lacks = "{}", ...argv] = process.argv.slice(2);
const overrides: Partial<Features> = JSON.parse(lacks);

const commands: Commands = {
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

process.exitCode = await run(argv, processEnvironment(), commands);
