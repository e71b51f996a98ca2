// SPDX-License-Identifier: Apache-2.0

import { CONFIG, CONFIG_FILE, TRANSPARENT_PROXY_CONFIG } from "../config/files/config-sources.ts";
import type { Flag } from "../config/flag.ts";
import { FLAGS_WITHOUT_EFFECT } from "../config/old-flags.ts";
import type { Setting } from "../config/setting.ts";
import { defaultOf, GIVABLES, mainFlagOf } from "../config/settings.ts";
import { EXPLAIN_QUESTIONS } from "./explain-flags.ts";
import { KUMACTL_CONFIG_FILE, VALIDATION_SERVER_PORT, VERIFY_JSON, VERIFY_TIMEOUT } from "./verify-flags.ts";

/** Flags of kumactl that stand before or after any command there. They have no meaning here. */
export const ROOT_FLAGS: readonly Flag[] = [
  { name: "api-timeout", argument: "DURATION", help: "does nothing", hidden: true },
  { name: "context", argument: "NAME", help: "does nothing", hidden: true },
  { name: "log-level", argument: "LEVEL", help: "does nothing", hidden: true },
  { name: "no-config", help: "does nothing", hidden: true },
];

export const INSTALL_FLAGS: readonly Flag[] = [
  CONFIG,
  CONFIG_FILE,
  ...GIVABLES.flatMap(flagsWithDefault),
  ...FLAGS_WITHOUT_EFFECT,
];

export const FORCE: Flag = {
  name: "force",
  help: "go on where inbound SSH connections would end at a port where nothing listens",
};
export const CONFIRM_WITHIN: Flag = {
  name: "confirm-within",
  argument: "DURATION",
  help: "put everything back as it was unless `tproxyctl confirm` follows within this time",
};

export const STORE_SYSTEMD: Flag = {
  name: "store-systemd",
  help: "install the same again whenever this host starts, by a unit of systemd",
};
/** What that unit calls. */
export const STORED: Flag = {
  name: "stored",
  help: "install what --store-systemd stored, whatever the environment says",
  hidden: true,
};

/** What is of the command alone, and no setting of a configuration. */
export const INSTALL_COMMAND_FLAGS: readonly Flag[] = [FORCE, CONFIRM_WITHIN, STORE_SYSTEMD, STORED];

function flagsWithDefault(setting: Setting<string>): readonly Flag[] {
  if (setting.default === "" || setting.default === "false") return setting.flags;
  return setting.flags.map((flag) => ({ defaultText: setting.default, ...flag }));
}

export const DRY_RUN = mainFlagOf("dryRun");
export const VERBOSE = mainFlagOf("verbose");
export const BPFFS_PATH: Flag = { ...mainFlagOf("ebpf.bpffsPath"), defaultText: defaultOf("ebpf.bpffsPath") };
const EBPF_ENABLED: Flag = { ...mainFlagOf("ebpf.enabled"), help: "does nothing", hidden: true };

export const LEFTOVERS: Flag = {
  name: "leftovers",
  help: "remove what Kuma's eBPF engine and merbridge left, and nothing else: what is installed here stays",
};
export const YES: Flag = { name: "yes", help: "with --leftovers: without asking" };

export const UNINSTALL_FLAGS: readonly Flag[] = [LEFTOVERS, YES, DRY_RUN, VERBOSE, BPFFS_PATH, EBPF_ENABLED];

/** Of the change that is to be put back: the timer that `install --confirm-within` started has it. */
export const PENDING: Flag = { name: "pending", argument: "TOKEN", help: "the change to put back from" };
export const AFTER: Flag = { name: "after", argument: "DURATION", help: "wait so long before" };

export const PUT_BACK_FLAGS: readonly Flag[] = [PENDING, AFTER];

export const CONFIRM_FLAGS: readonly Flag[] = [VERBOSE];

export const STATUS_JSON: Flag = { name: "json", help: "print JSON" };

export const STATUS_FLAGS: readonly Flag[] = [STATUS_JSON, VERBOSE, BPFFS_PATH];

export const DOCTOR_JSON: Flag = { name: "json", help: "print JSON" };

/** It answers for the installation that the same flags would make. */
export const DOCTOR_FLAGS: readonly Flag[] = [DOCTOR_JSON, ...INSTALL_FLAGS];

export const CONFIG_JSON: Flag = { name: "json", help: "print JSON" };

/** It shows the configuration that the same flags would make. */
export const CONFIG_SHOW_FLAGS: readonly Flag[] = [CONFIG_JSON, ...INSTALL_FLAGS];

export const INBOUND_PORT: Flag = {
  name: "inbound-port",
  argument: "PORT",
  help: "where redirected inbound connections arrive",
  defaultText: defaultOf("redirect.inbound.port"),
};
export const OUTBOUND_PORT: Flag = {
  name: "outbound-port",
  argument: "PORT",
  help: "where redirected outbound connections arrive",
  defaultText: defaultOf("redirect.outbound.port"),
};
export const PROXY_JSON: Flag = { name: "json", help: "print one JSON object a line" };
export const ALLOW_ROOT: Flag = { name: "allow-root", help: "run as root all the same" };
export const PROXY_USER: Flag = {
  name: "user",
  argument: "USER",
  help: "started as root, go on as this user (name or UID)",
};
export const IP_FAMILY_MODE: Flag = {
  ...mainFlagOf("ipFamilyMode"),
  help: '"dualstack", or "ipv4" to listen on IPv4 only',
  defaultText: defaultOf("ipFamilyMode"),
};

export const PROXY_FLAGS: readonly Flag[] = [
  INBOUND_PORT,
  OUTBOUND_PORT,
  IP_FAMILY_MODE,
  PROXY_JSON,
  PROXY_USER,
  ALLOW_ROOT,
  VERBOSE,
];

/** It tries what the same flags would have installed, or what is installed. */
export const VERIFY_FLAGS: readonly Flag[] = [
  VERIFY_JSON,
  VERIFY_TIMEOUT,
  { ...TRANSPARENT_PROXY_CONFIG, hidden: true },
  ...INSTALL_FLAGS,
];

/** Those of kumactl's validator. */
export const VALIDATOR_FLAGS: readonly Flag[] = [
  mainFlagOf("ipFamilyMode"),
  VALIDATION_SERVER_PORT,
  TRANSPARENT_PROXY_CONFIG,
  KUMACTL_CONFIG_FILE,
  VERBOSE,
];

/** Every flag of every command: where words on the command line belong to does not depend on the command. */
export const ALL_FLAGS: readonly Flag[] = [
  ...ROOT_FLAGS,
  ...INSTALL_FLAGS,
  ...INSTALL_COMMAND_FLAGS,
  ...CONFIRM_FLAGS,
  ...PUT_BACK_FLAGS,
  ...UNINSTALL_FLAGS,
  ...STATUS_FLAGS,
  ...DOCTOR_FLAGS,
  ...PROXY_FLAGS,
  ...VERIFY_FLAGS,
  ...VALIDATOR_FLAGS,
  ...Object.values(EXPLAIN_QUESTIONS).flat(),
];
