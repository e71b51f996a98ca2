// SPDX-License-Identifier: Apache-2.0
import type { VerifyOptions } from "../commands/options.ts";
import type { GivenFlag } from "../config/flag.ts";
import { FlagReader } from "../config/flag-reader.ts";
import { mainFlagOf } from "../config/settings.ts";
import {
  parseBoolean,
  parseMilliseconds,
  parseNonEmptyPath,
  parsePort,
  type Report,
} from "../config/values.ts";
import { BPFFS_PATH } from "./command-flags.ts";
import { KUMACTL_CONFIG_FILE, VALIDATION_SERVER_PORT, VERIFY_JSON, VERIFY_TIMEOUT } from "./verify-flags.ts";

const DEFAULT_TIMEOUT_MS = 20_000;

/** @throws ConfigError */
export function verifyOptions(given: readonly GivenFlag[]): VerifyOptions {
  const flags = new FlagReader(given);
  const options = {
    json: flags.read(VERIFY_JSON, parseBoolean, false),
    bpffsPath: flags.read(BPFFS_PATH, parseNonEmptyPath, undefined),
    timeoutMs: flags.read(VERIFY_TIMEOUT, parseTimeout, DEFAULT_TIMEOUT_MS),
    retries: 0,
    retryIntervalMs: 0,
    likeKumactl: false,
  };
  flags.finish();
  return options;
}

function parseTimeout(text: string, report: Report): number {
  const milliseconds = parseMilliseconds(text, report);
  if (milliseconds === 0) report("no time at all is not enough: write 20s");
  return milliseconds;
}

/**
 * As kumactl's: tried again ten times, a second later each, for rules that a CNI plugin makes may come after the
 * container began. The time is for a host where each try takes as long as it can.
 *
 * @throws ConfigError
 */
export function validatorOptions(given: readonly GivenFlag[]): VerifyOptions {
  const flags = new FlagReader(given);
  flags.read(VALIDATION_SERVER_PORT, parsePort, undefined);
  flags.finish();
  return {
    json: false,
    bpffsPath: undefined,
    timeoutMs: 60_000,
    retries: 10,
    retryIntervalMs: 1000,
    likeKumactl: true,
  };
}

/** The flags of the validator as those of install, which make the configuration. */
export function validatorFlags(given: readonly GivenFlag[]): readonly GivenFlag[] {
  const inboundPort = mainFlagOf("redirect.inbound.port");
  const meant = given.filter(({ flag }) => flag.name !== KUMACTL_CONFIG_FILE.name);
  return meant.map((each) =>
    each.flag.name === VALIDATION_SERVER_PORT.name ? { flag: inboundPort, text: each.text } : each,
  );
}
