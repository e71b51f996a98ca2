// SPDX-License-Identifier: Apache-2.0
import type { DataplaneCheckOptions, DataplaneTransformOptions } from "../commands/options.ts";
import type { GivenFlag } from "../config/flag.ts";
import { FlagReader } from "../config/flag-reader.ts";
import { parseBoolean, parseIpFamilyMode, parseNonEmptyPath, parsePort, quote } from "../config/values.ts";
import { BPFFS_PATH, VERBOSE } from "./command-flags.ts";
import {
  CHECK_JSON,
  DATAPLANE_VAR,
  IN_PLACE,
  REACHABLE_SERVICES,
  TRANSFORM_INBOUND_PORT,
  TRANSFORM_IP_FAMILY_MODE,
  TRANSFORM_OUTBOUND_PORT,
} from "./dataplane-flags.ts";

/** @throws ConfigError */
export function dataplaneTransformOptions(
  file: string,
  given: readonly GivenFlag[],
): DataplaneTransformOptions {
  const flags = new FlagReader(given);
  flags.read(VERBOSE, parseBoolean, false);
  const options = {
    file,
    inPlace: flags.read(IN_PLACE, parseBoolean, false),
    inboundPort: flags.read(TRANSFORM_INBOUND_PORT, parsePort, undefined),
    outboundPort: flags.read(TRANSFORM_OUTBOUND_PORT, parsePort, undefined),
    ipFamilyMode: flags.read(TRANSFORM_IP_FAMILY_MODE, parseIpFamilyMode, undefined),
    reachableServices: flags.read(REACHABLE_SERVICES, parseBoolean, false),
    bpffsPath: flags.read(BPFFS_PATH, parseNonEmptyPath, undefined),
  };
  flags.finish();
  return options;
}

/** @throws ConfigError */
export function dataplaneCheckOptions(file: string, given: readonly GivenFlag[]): DataplaneCheckOptions {
  const flags = new FlagReader(given);
  const texts = given
    .filter(({ flag }) => flag.name === DATAPLANE_VAR.name)
    .flatMap(({ text }) => splitValues(text));
  const values = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals <= 0) flags.refuse(DATAPLANE_VAR, `${quote(text)} has no name and value: write name=value`);
    else values.set(text.slice(0, equals), text.slice(equals + 1));
  }
  const options = {
    file,
    values,
    json: flags.read(CHECK_JSON, parseBoolean, false),
    bpffsPath: flags.read(BPFFS_PATH, parseNonEmptyPath, undefined),
  };
  flags.finish();
  return options;
}

/** `a=1,b=2` are two, as kuma-dp has it; `a=1,2` is one. */
function splitValues(text: string): readonly string[] {
  return text.split("=").length > 2 ? text.split(",") : [text];
}
