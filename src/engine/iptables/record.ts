// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import type { NftObject } from "../../host/nft-chains.ts";
import { StateFile } from "../../host/state-file.ts";
import type { CommonRecord } from "../record.ts";
import { isOwnedBy, type StateOwner } from "../state-owner.ts";
import type { ProgramPaths } from "./executables.ts";
import { understandRecord } from "./foreign-record.ts";
import type { RuleKey } from "./pick-recorded.ts";

/** The format of records that this version writes. See decision 0012. */
export const RECORD_FORMAT = 1;

/**
 * What an installation remembers that cannot be seen in the rules: which of those without a comment are ours, what was
 * there before. It is written before anything is changed. It counts only in the namespace and the boot that it was
 * written in, so one that was left behind never speaks of something else.
 *
 * A namespace's own is replaced or removed by the next command there, whether or not it counts. Of a namespace that is gone
 * it stays, some kilobytes below /run, until its inode is used again or until a reboot: nobody can tell from outside
 * whether a namespace of that number is in use.
 */
export interface IptablesRecord extends CommonRecord, StateOwner {
  /** RECORD_FORMAT, or another version's: then the rest is what could be understood of it. */
  readonly format: number;
  /** What was applied, by where it was. */
  readonly applied: readonly AppliedRules[];
  /** An installation or its removal was under way and has not ended: what it was to change may be there in part. */
  readonly unfinished: boolean;
  /** IPv6 was to be intercepted, but this host had no address of it: there are no rules for it. */
  readonly withoutIpv6?: boolean;
  /** Tables and chains with a hook that iptables-nft made for our rules, or is about to. */
  readonly madeHooks: readonly NftObject[];
  /** The rules are those of the virtual networks, and stand beside the programs of this engine. */
  readonly beside?: "ebpf";
  /** Where installations before sent DNS queries, until no flow goes there any more. */
  readonly formerDnsPorts?: readonly number[];
}

export interface AppliedRules {
  readonly family: Family;
  readonly mode: "nft" | "legacy";
  /** All rules, also those of our own chains, in their order. */
  readonly rules: readonly RuleKey[];
  /** What they were applied with: it may be where nobody would look for it. */
  readonly programs?: ProgramPaths;
  /** All of them carry a comment of ours: they are found without being named here. */
  readonly comments?: boolean;
  /** Rules of others that read the same, where there are any: how many, and how many of them stand before ours. */
  readonly others?: Readonly<Record<RuleKey, { readonly before: number; readonly all: number }>>;
  /** They may be there in part, or not at all. A record says so of all that it names. */
  readonly unfinished?: boolean;
}

/**
 * The record of the network namespace; undefined where there is none that counts.
 *
 * @throws TproxyError STATE_DAMAGED where it cannot be understood
 */
export function readRecord(netns: NetnsFact): IptablesRecord | undefined {
  const file = fileOf(netns);
  const text = file.read();
  if (text === undefined) return undefined;
  const record = parse(text, file.path);
  return isOwnedBy(record, netns) ? record : undefined;
}

/** The record, and what is wrong with it: for who can do something without it. */
export interface FoundRecord {
  readonly record: IptablesRecord | undefined;
  readonly damage?: TproxyError;
}

export function tryReadRecord(netns: NetnsFact): FoundRecord {
  try {
    return { record: readRecord(netns) };
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code !== "STATE_DAMAGED") throw error;
    return { record: undefined, damage: error };
  }
}

/** @returns false where it cannot be kept: /run is missing or read-only */
export function writeRecord(netns: NetnsFact, record: IptablesRecord): boolean {
  return fileOf(netns).write(`${JSON.stringify(record)}\n`);
}

export function removeRecord(netns: NetnsFact): void {
  fileOf(netns).remove();
}

function fileOf({ inode }: NetnsFact): StateFile {
  return new StateFile(`iptables-${inode}.json`);
}

/** Only this program, as root, writes records: the format's number tells whether we know all of it. */
function parse(text: string, path: string): IptablesRecord {
  const hint =
    "`tproxyctl uninstall` removes what can be told without it: our chains, and rules with our comment or leading to them. " +
    `Then look at the file and at iptables-save for rules without comments, and remove it (rm ${path}).`;
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
    const understood = understandRecord(value);
    if (understood !== undefined) return understood;
  } catch (cause) {
    throw new TproxyError("STATE_DAMAGED", `${path} is no JSON`, { cause, hint });
  }
  throw new TproxyError("STATE_DAMAGED", `${path} is no record that this version of tproxyctl can read`, {
    hint,
  });
}

function isRecord(value: unknown): value is IptablesRecord {
  if (typeof value !== "object" || value === null || !("format" in value) || value.format !== RECORD_FORMAT)
    return false;
  return "applied" in value && Array.isArray(value.applied);
}
