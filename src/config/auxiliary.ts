// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "./setting.ts";

/** What kumactl's configuration has and ours has not: it is read and checked, and then says something else or nothing. */
export interface Auxiliary extends Setting<AuxiliaryName> {
  /** Not in files. */
  readonly variableOnly?: boolean;
  /** Where it is not at its default: that it does nothing, and why. */
  readonly note?: string;
}

export type AuxiliaryName =
  | "cniMode"
  | "ebpf.instanceIPEnvVarName"
  | "redirect.inbound.excludePortsForUIDs"
  | `redirect.${"inbound" | "outbound"}.${"chainName" | "redirectChainName"}`;

export const AUXILIARIES: readonly Auxiliary[] = [
  {
    key: "ebpf.instanceIPEnvVarName",
    env: "EBPF_INSTANCE_IP_ENV_VAR_NAME",
    kind: "text",
    default: "",
    flags: [],
    meaning:
      "the variable that has the instance's addresses where ebpf.instanceIP is not given (INSTANCE_IP)",
  },
  {
    key: "cniMode",
    env: "CNI_MODE",
    kind: "boolean",
    default: "false",
    flags: [],
    meaning: "does nothing",
    note: "does nothing: the network namespace is the one that the program runs in, with a CNI plugin as well",
  },
  {
    key: "redirect.inbound.excludePortsForUIDs",
    env: "REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_UIDS",
    kind: "rules",
    default: "",
    flags: [],
    meaning: "does nothing: inbound connections have no user",
    note: "does nothing: who opened an inbound connection is not known here; exclude ports or sources",
  },
  ...(["inbound", "outbound"] as const).flatMap((direction) =>
    (["chainName", "redirectChainName"] as const).map(
      (name): Auxiliary => ({
        key: `redirect.${direction}.${name}`,
        env: `REDIRECT_${direction.toUpperCase()}_${name === "chainName" ? "CHAIN_NAME" : "REDIRECT_CHAIN_NAME"}`,
        kind: "text",
        default: "",
        flags: [],
        variableOnly: true,
        meaning: "does nothing: the chains' names are fixed",
        note: "does nothing: the chains' names are fixed, so that they are found again",
      }),
    ),
  ),
];

/** The variable that is looked into where none is named. Kuma's injector sets it. */
export const INSTANCE_IP_VARIABLE = "INSTANCE_IP";
