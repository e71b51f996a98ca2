// What whole commands take, in a namespace where the proxy runs already.

import { TPROXYCTL, type World } from "../../test/support/world.ts";
import { type Candidate, EBPF, EBPF_TC, IPTABLES_LEGACY, IPTABLES_NFT } from "../candidates.ts";
import type { Part, PartRun } from "../part.ts";
import { recordProcess } from "../run-timed.ts";
import { startServers, withWorlds } from "../scene.ts";
import { shuffled } from "../statistics.ts";

export const commands: Part = {
  name: "commands",
  about:
    "Whole processes of `tproxyctl` with each engine, in a namespace where the proxy listens already: wall-clock time, processor time with that of the programs that it runs, and the most memory that one process had. Entering the namespace is part of each and stands beside them.",
  rounds: { full: 21, quick: 4 },
  roundMs: { full: 4500, quick: 4500 },
  measure: (run) =>
    withWorlds(
      ["commands"],
      (world) => startServers(world),
      (worldOf) => rounds(run, worldOf("commands")),
    ),
};

const ENGINES: readonly Candidate[] = [EBPF, EBPF_TC, IPTABLES_NFT, IPTABLES_LEGACY];

async function rounds(run: PartRun, world: World): Promise<void> {
  const inside = (...command: readonly string[]) => world.command(command, { cgroup: false });
  await run.repeat(async () => {
    recordProcess(run, "entering the namespace alone", "true", inside("/bin/true"));
    for (const { name, flags = [] } of shuffled(ENGINES)) {
      const install = inside(TPROXYCTL, ...world.installArguments(...flags));
      // In an order that leaves each round as it was found.
      recordProcess(run, "install", name, install);
      recordProcess(run, "install again", name, install);
      recordProcess(run, "status", name, inside(TPROXYCTL, "status", "--json"));
      recordProcess(run, "uninstall", name, inside(TPROXYCTL, "uninstall"));
    }
  });
}
