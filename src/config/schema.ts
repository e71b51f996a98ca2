// SPDX-License-Identifier: Apache-2.0
import * as z from "zod/mini";
import type { Config } from "./config.ts";
import { parseExecutables } from "./executables.ts";
import { parsePrefixList, parseVirtualNetworks } from "./networks.ts";
import { parseUserRules } from "./user-rules.ts";
import {
  parseAddressList,
  parseBoolean,
  parseEngineChoice,
  parseIpFamilyMode,
  parseMilliseconds,
  parseNonEmptyPath,
  parsePath,
  parsePort,
  parsePortList,
  parseProgramsPath,
  parseText,
  parseWhenProxyDown,
  type ValueParser,
  wholeNumber,
} from "./values.ts";

/*
 * zod/mini, not zod: 27 KiB in the bundle instead of 740, and no measurable time to load instead of 22 ms.
 *
 * Every leaf takes what a file, a variable or a flag may hold (a port is 80 or "80") and turns it into its text,
 * so that there is one reader for each kind of value and one meaning wherever it was written.
 */

const port = leaf(
  z.union([z.number(), z.string()], form("must be a port: a whole number from 1 to 65535")),
  parsePort,
);
const ports = leaf(list("must be a list of ports", isNumberOrText), parsePortList);
const boolean = leaf(z.union([z.boolean(), z.string()], form("must be true or false")), parseBoolean);
const addresses = leaf(list("must be a list of IP addresses", isText), parseAddressList);
const prefixes = leaf(list("must be a list of IP addresses and prefixes", isText), parsePrefixList);
/** A number alone is a UID. */
const userRules = leaf(list("must be a list of rules", isNumberOrText), parseUserRules, ";");
const networks = leaf(list("must be a list of virtual networks", isText), parseVirtualNetworks);
const executables = leaf(list("must be a list of executables", isText), parseExecutables);
const milliseconds = leaf(z.union([z.number(), z.string()], form("must be a duration")), parseMilliseconds);
const text = z.string(form("must be a text"));

const direction = {
  enabled: boolean,
  port,
  includePorts: ports,
  excludePorts: ports,
  excludePortsForIPs: prefixes,
  insertRedirectInsteadOfAppend: boolean,
};

export const configSchema = z.strictObject({
  kumaDPUser: leaf(z.union([z.number(), z.string()], form("must be a user's name or UID")), parseText),
  ipFamilyMode: leaf(text, parseIpFamilyMode),
  engine: leaf(text, parseEngineChoice),
  dryRun: boolean,
  verbose: boolean,
  redirect: z.strictObject({
    inbound: z.strictObject(direction),
    outbound: z.strictObject({ ...direction, excludePortsForUIDs: userRules }),
    dns: z.strictObject({
      enabled: boolean,
      port,
      captureAll: boolean,
      skipConntrackZoneSplit: boolean,
      resolvConfigPath: leaf(text, parseNonEmptyPath),
    }),
    vnet: z.strictObject({ networks }),
    whenProxyDown: leaf(text, parseWhenProxyDown),
  }),
  ebpf: z.strictObject({
    enabled: boolean,
    instanceIPs: addresses,
    bpffsPath: leaf(text, parseNonEmptyPath),
    cgroupPath: leaf(text, parsePath),
    programsSourcePath: leaf(text, parseProgramsPath),
    tcAttachIface: leaf(text, parseText),
  }),
  dropInvalidPackets: boolean,
  storeFirewalld: boolean,
  log: z.strictObject({ enabled: boolean, level: number(7) }),
  comments: z.strictObject({ disabled: boolean }),
  wait: number(2_147_483_647),
  waitInterval: number(4_294_967_295),
  retry: z.strictObject({ maxRetries: number(2_147_483_647), sleepBetweenRetriesMs: milliseconds }),
  iptablesExecutables: executables,
});

/** What only kumactl has. None of it need be given. */
export const auxiliarySchema = z.object({
  cniMode: z.optional(boolean),
  ebpf: z.optional(z.object({ instanceIPEnvVarName: z.optional(leaf(text, parseText)) })),
  redirect: z.optional(
    z.object({
      inbound: z.optional(
        z.object({
          excludePortsForUIDs: z.optional(userRules),
          chainName: z.optional(leaf(text, parseText)),
          redirectChainName: z.optional(leaf(text, parseText)),
        }),
      ),
      outbound: z.optional(
        z.object({
          chainName: z.optional(leaf(text, parseText)),
          redirectChainName: z.optional(leaf(text, parseText)),
        }),
      ),
    }),
  ),
});

/** Fails to compile where the schema and the interface part. */
configSchema satisfies z.ZodMiniType<Config>;

type Written = string | number | boolean | readonly (string | number)[];

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isNumberOrText(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number";
}

/** Items of one kind, or one of them without a list. One check for all: zod's of each of 100 000 takes its time. */
function list(expected: string, isItem: (value: unknown) => boolean) {
  const check = (value: unknown) => (Array.isArray(value) ? value.every(isItem) : isItem(value));
  return z.custom<Written>(check, form(expected));
}

/** From 0 up. */
function number(most: number) {
  return leaf(z.union([z.number(), z.string()], form("must be a whole number")), wholeNumber(0, most));
}

/** A value that is written as `input` says and read by `parse`, which takes lists with `separator` between items. */
function leaf<T>(input: z.ZodMiniType<Written>, parse: ValueParser<T>, separator = ",") {
  return z.pipe(
    input,
    z.transform((value: Written, context): T => {
      const asText = Array.isArray(value) ? joinList(value, separator) : String(value);
      let problems = 0;
      return parse(asText, (message) => {
        problems += 1;
        if (problems <= MOST_PROBLEMS) context.issues.push({ code: "custom", message, input: value });
        if (problems === MOST_PROBLEMS + 1)
          context.issues.push({ code: "custom", message: "and more of that kind", input: value });
      });
    }),
  );
}

/** Of one value: whoever gives a list of something else needs to see a few. */
const MOST_PROBLEMS = 10;

/** The message about a value that is none of its kind, with the value. */
function form(expected: string) {
  return {
    error: ({ input }: { readonly input?: unknown }) =>
      `${written(input)} is of the wrong kind: it ${expected}`,
  };
}

function written(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Repeated flags may be empty (`--ebpf-instance-ip ""`), which is an empty list and no empty item. */
function joinList(items: readonly (string | number)[], separator: string): string {
  return items
    .map(String)
    .filter((item) => item.trim() !== "")
    .join(separator);
}
