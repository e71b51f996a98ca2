// SPDX-License-Identifier: Apache-2.0
import type { ConfigShowOptions } from "../commands/config-show.ts";
import type {
  DoctorOptions,
  InstallOptions,
  ProxyOptions,
  PutBackOptions,
  StatusOptions,
  UninstallOptions,
} from "../commands/options.ts";
import type { GivenFlag } from "../config/flag.ts";
import { FlagReader } from "../config/flag-reader.ts";
import { defaultOf } from "../config/settings.ts";
import {
  parseBoolean,
  parseIpFamilyMode,
  parseMilliseconds,
  parseNonEmptyPath,
  parsePort,
  quote,
  type Report,
} from "../config/values.ts";
import {
  AFTER,
  ALLOW_ROOT,
  BPFFS_PATH,
  CONFIG_JSON,
  CONFIRM_WITHIN,
  DOCTOR_JSON,
  DRY_RUN,
  FORCE,
  INBOUND_PORT,
  IP_FAMILY_MODE,
  LEFTOVERS,
  OUTBOUND_PORT,
  PENDING,
  PROXY_JSON,
  PROXY_USER,
  STATUS_JSON,
  STORE_SYSTEMD,
  STORED,
  VERBOSE,
  YES,
} from "./command-flags.ts";

/** @throws ConfigError */
export function installOptions(given: readonly GivenFlag[]): InstallOptions {
  const flags = new FlagReader(given);
  const options = {
    force: flags.read(FORCE, parseBoolean, false),
    confirmWithinMs: flags.read(CONFIRM_WITHIN, parseTimeToConfirm, undefined),
    storeSystemd: flags.read(STORE_SYSTEMD, parseBoolean, false),
    stored: flags.read(STORED, parseBoolean, false),
  };
  if (options.storeSystemd && options.confirmWithinMs !== undefined)
    flags.refuse(
      STORE_SYSTEMD,
      "what may be put back is not stored: confirm it first, then install with --store-systemd",
    );
  flags.finish();
  return options;
}

function parseTimeToConfirm(text: string, report: Report): number {
  let isRead = true;
  const milliseconds = parseMilliseconds(text, (problem) => {
    isRead = false;
    report(problem);
  });
  if (isRead && milliseconds < 1000)
    report(`${quote(text)} is no time to confirm anything: give at least 1s`);
  return milliseconds;
}

/** @throws ConfigError */
export function putBackOptions(given: readonly GivenFlag[]): PutBackOptions {
  const flags = new FlagReader(given);
  const options = {
    token: flags.read(PENDING, (text) => text, ""),
    afterMs: flags.read(AFTER, parseMilliseconds, undefined),
  };
  flags.finish();
  return options;
}

/** @throws ConfigError */
export function uninstallOptions(given: readonly GivenFlag[]): UninstallOptions {
  const flags = new FlagReader(given);
  const options = {
    dryRun: flags.read(DRY_RUN, parseBoolean, false),
    verbose: flags.read(VERBOSE, parseBoolean, false),
    bpffsPath: flags.read(BPFFS_PATH, parseNonEmptyPath, undefined),
    leftovers: flags.read(LEFTOVERS, parseBoolean, false),
    yes: flags.read(YES, parseBoolean, false),
  };
  flags.finish();
  return options;
}

/** @throws ConfigError */
export function statusOptions(given: readonly GivenFlag[]): StatusOptions {
  const flags = new FlagReader(given);
  flags.read(VERBOSE, parseBoolean, false);
  const options = {
    json: flags.read(STATUS_JSON, parseBoolean, false),
    bpffsPath: flags.read(BPFFS_PATH, parseNonEmptyPath, undefined),
  };
  flags.finish();
  return options;
}

/** @throws ConfigError */
export function doctorOptions(given: readonly GivenFlag[]): DoctorOptions {
  const flags = new FlagReader(given);
  const options = { json: flags.read(DOCTOR_JSON, parseBoolean, false) };
  flags.finish();
  return options;
}

/** @throws ConfigError */
export function configShowOptions(given: readonly GivenFlag[]): ConfigShowOptions {
  const flags = new FlagReader(given);
  const options = { json: flags.read(CONFIG_JSON, parseBoolean, false) };
  flags.finish();
  return options;
}

/** @throws ConfigError */
export function proxyOptions(given: readonly GivenFlag[]): ProxyOptions {
  const flags = new FlagReader(given);
  flags.read(VERBOSE, parseBoolean, false);
  const options = {
    inboundPort: flags.read(INBOUND_PORT, parsePort, Number(defaultOf("redirect.inbound.port"))),
    outboundPort: flags.read(OUTBOUND_PORT, parsePort, Number(defaultOf("redirect.outbound.port"))),
    ipv6: flags.read(IP_FAMILY_MODE, parseIpFamilyMode, "dualstack") === "dualstack",
    json: flags.read(PROXY_JSON, parseBoolean, false),
    allowRoot: flags.read(ALLOW_ROOT, parseBoolean, false),
    user: flags.read(PROXY_USER, (text) => text, ""),
  };
  // Two ports that are not ports have been reported already.
  if (options.inboundPort === options.outboundPort && options.inboundPort !== 0) {
    flags.refuse(
      INBOUND_PORT,
      `inbound and outbound connections cannot share a port, ${options.inboundPort}`,
    );
  }
  flags.finish();
  return options;
}
