// SPDX-License-Identifier: Apache-2.0
import type { Flag } from "../config/flag.ts";
import { mainFlagOf } from "../config/settings.ts";
import { BPFFS_PATH, INSTALL_FLAGS, VERBOSE } from "./command-flags.ts";

export const IN_PLACE: Flag = { name: "in-place", short: "i", help: "write the result into the file" };
export const REACHABLE_SERVICES: Flag = {
  name: "reachable-services",
  help: "make the services of the outbound section reachableServices",
};
const AS_INSTALLED = "as installed here, else";
export const TRANSFORM_INBOUND_PORT: Flag = {
  ...mainFlagOf("redirect.inbound.port"),
  help: "redirectPortInbound, also where there is another one",
  defaultText: `${AS_INSTALLED} 15006`,
};
export const TRANSFORM_OUTBOUND_PORT: Flag = {
  ...mainFlagOf("redirect.outbound.port"),
  help: "redirectPortOutbound, also where there is another one",
  defaultText: `${AS_INSTALLED} 15001`,
};
export const TRANSFORM_IP_FAMILY_MODE: Flag = {
  ...mainFlagOf("ipFamilyMode"),
  help: '"ipv4" adds ipFamilyMode: IPv4',
  defaultText: `${AS_INSTALLED} dualstack`,
};

export const DATAPLANE_TRANSFORM_FLAGS: readonly Flag[] = [
  IN_PLACE,
  REACHABLE_SERVICES,
  TRANSFORM_INBOUND_PORT,
  TRANSFORM_OUTBOUND_PORT,
  TRANSFORM_IP_FAMILY_MODE,
  BPFFS_PATH,
  VERBOSE,
];

export const CHECK_JSON: Flag = { name: "json", help: "print JSON" };
export const DATAPLANE_VAR: Flag = {
  name: "dataplane-var",
  argument: "NAME=VALUE",
  repeatable: true,
  help: "what stands for a placeholder, as with kuma-dp; repeatable",
};

/** It compares with what the flags of install would make, or with what is installed. */
export const DATAPLANE_CHECK_FLAGS: readonly Flag[] = [CHECK_JSON, DATAPLANE_VAR, ...INSTALL_FLAGS];
