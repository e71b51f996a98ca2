// SPDX-License-Identifier: Apache-2.0
import type { ExplainOptions, Question } from "../commands/options.ts";
import type { Flag, GivenFlag } from "../config/flag.ts";
import { FlagReader } from "../config/flag-reader.ts";
import { parseBoolean, parseNonEmptyPath, parsePort, quote, type Report } from "../config/values.ts";
import { type Address, parseAddress } from "../core/address.ts";
import { BPFFS_PATH, INSTALL_FLAGS, VERBOSE } from "./command-flags.ts";
import {
  EXPLAIN_IFACE,
  EXPLAIN_INBOUND_FROM,
  EXPLAIN_INBOUND_TO,
  EXPLAIN_JSON,
  EXPLAIN_OUTBOUND_FROM,
  EXPLAIN_SERVER,
  EXPLAIN_TO,
  EXPLAIN_UID,
  type ExplainKind,
} from "./explain-flags.ts";

/** @throws ConfigError */
export function explainOptions(kind: ExplainKind, given: readonly GivenFlag[]): ExplainOptions {
  const flags = new FlagReader(given);
  const options = {
    json: flags.read(EXPLAIN_JSON, parseBoolean, false),
    bpffsPath: flags.read(BPFFS_PATH, parseNonEmptyPath, undefined),
    question: readQuestion(kind, flags),
  };
  flags.finish();
  return options;
}

function readQuestion(kind: ExplainKind, flags: FlagReader): Question {
  switch (kind) {
    case "outbound":
      return {
        kind,
        user: readNeeded(flags, EXPLAIN_UID, parseWord, ""),
        from: flags.read(EXPLAIN_OUTBOUND_FROM, parseOneAddress, undefined),
        ...readNeeded(flags, EXPLAIN_TO, parseEndpoint, NOWHERE),
      };
    case "inbound":
      return {
        kind,
        from: readNeeded(flags, EXPLAIN_INBOUND_FROM, parseOneAddress, NOWHERE.to),
        ...readNeeded(flags, EXPLAIN_INBOUND_TO, parseOwnEndpoint, NOWHERE),
        interface: flags.read(EXPLAIN_IFACE, parseWord, undefined),
      };
    case "dns":
      return {
        kind,
        user: readNeeded(flags, EXPLAIN_UID, parseWord, ""),
        ...readNeeded(flags, EXPLAIN_SERVER, parseServer, NOWHERE),
      };
  }
}

interface Endpoint {
  readonly to: Address;
  readonly port: number;
}

/** Stands for what could not be read: never used, since that is reported. */
const NOWHERE: Endpoint = { to: { family: 4, bytes: new Uint8Array(4) }, port: 0 };

const DNS_PORT = 53;

function readNeeded<T>(
  flags: FlagReader,
  flag: Flag,
  parse: (text: string, report: Report) => T,
  otherwise: T,
): T {
  const value = flags.read(flag, parse, undefined);
  if (value !== undefined) return value;
  flags.refuse(flag, `is needed: ${flag.help}`);
  return otherwise;
}

function parseWord(text: string, report: Report): string {
  if (text === "") report("is empty");
  return text;
}

function parseOneAddress(text: string, report: Report): Address {
  const address = parseAddress(text.replace(/^\[(.*)\]$/, "$1"));
  if (address === undefined) report(`${quote(text)} is no IP address: write 10.0.0.1 or fd00::1`);
  return address ?? NOWHERE.to;
}

function parseEndpoint(text: string, report: Report): Endpoint {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):([^:]*)$/.exec(text);
  if (parts === null) {
    report(`${quote(text)} is no address with a port: write 10.0.0.1:443 or [fd00::1]:443`);
    return NOWHERE;
  }
  const [, ipv6, ipv4, port = ""] = parts;
  return { to: parseOneAddress(ipv6 ?? ipv4 ?? "", report), port: parsePort(port, report) };
}

/** `:8080` as well. */
function parseOwnEndpoint(text: string, report: Report): Omit<Endpoint, "to"> & { to: Address | undefined } {
  if (!/^:[^:]*$/.test(text)) return parseEndpoint(text, report);
  return { to: undefined, port: parsePort(text.slice(1), report) };
}

/** With or without a port. */
function parseServer(text: string, report: Report): Endpoint {
  const address = parseAddress(text.replace(/^\[(.*)\]$/, "$1"));
  return address === undefined ? parseEndpoint(text, report) : { to: address, port: DNS_PORT };
}

/** Whether the flags describe a configuration to answer for, and not only how to answer. */
export function describesConfiguration(given: readonly GivenFlag[]): boolean {
  const names = new Set(INSTALL_FLAGS.map(({ name }) => name));
  for (const flag of [BPFFS_PATH, VERBOSE]) names.delete(flag.name);
  return given.some(({ flag }) => names.has(flag.name));
}
