// SPDX-License-Identifier: Apache-2.0
import { structCodec } from "../../bpf/layout.ts";
import { RODATA } from "../../bpf/layouts.gen.ts";
import type { Config } from "../../config/config.ts";
import { ASK_AS_ROOT, type CodedCheck, runCheck } from "../run-check.ts";
import { type Basis, needsTc } from "./feature-requirements.ts";
import { type Features, probeFeatures } from "./features.ts";
import { CGROUP_HOOKS } from "./hooks.ts";
import { READ_ONLY_DATA } from "./maps.ts";
import { openPrograms } from "./object-file.ts";

const CONSTANTS = structCodec(RODATA);

/** Whether the kernel's verifier takes the programs themselves, and has room for their maps. Lets all go again. */
export function checkLoading(
  config: Pick<Config, "ebpf" | "redirect">,
  dns: boolean,
  basis: Basis,
): CodedCheck {
  return runCheck({
    name: "loading",
    what: "the kernel takes the programs",
    look: () => {
      if (!basis.permitted) {
        const found = "not to be told without the capabilities to load them";
        const remedy = process.geteuid?.() === 0 ? undefined : ASK_AS_ROOT;
        return { state: "unknown", found, remedy };
      }
      const programs = load(config, dns);
      return `${programs.length} programs loaded, and let go`;
    },
  });
}

function load(config: Pick<Config, "ebpf" | "redirect">, dns: boolean): string[] {
  using object = openPrograms(config.ebpf.programsSourcePath);
  const features = probeFeatures();
  const programs = object
    .programs()
    .filter((name) => (DNS_PROGRAMS.includes(name) ? dns : isWanted(name, config, features)));
  object.selectPrograms(new Set(programs));
  object.setReadOnlyData(READ_ONLY_DATA, everythingOn(features));
  object.load();
  return programs;
}

const DNS_PROGRAMS: readonly string[] = ["tp_sendmsg4", "tp_sendmsg6", "tp_recvmsg4", "tp_recvmsg6"];

function isWanted(name: string, config: Pick<Config, "ebpf" | "redirect">, features: Features): boolean {
  if (name === "tp_lookup") return features.lookup;
  if (name === "tp_tc_ingress") return needsTc(config, features);
  return Object.hasOwn(CGROUP_HOOKS, name) && (features.getpeername || !name.startsWith("tp_getpeername"));
}

/** The verifier does not look at what constants switch off: all is on that this kernel has. */
function everythingOn({ lookupKnowsIfindex, sockopsKnowsNetns }: Features): Uint8Array {
  const constants = CONSTANTS.decode(new Uint8Array(RODATA.size).fill(1));
  return CONSTANTS.encode({
    ...constants,
    tp_config: {
      ...constants.tp_config,
      lookup_knows_ifindex: Number(lookupKnowsIfindex),
      sockops_knows_netns: Number(sockopsKnowsNetns),
    },
  });
}
