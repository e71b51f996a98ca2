// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../../core/errors.ts";
import type { NetnsFact } from "../../../core/facts.ts";
import type { Undo } from "../../../core/undo.ts";
import {
  DIRECT_FILE,
  FIREWALLD_IPTABLES,
  hasFirewalld,
  isFirewalldRunning,
  readDirectFile,
  refusesRedirectedIpv6,
  reloadFirewalld,
  writeDirectFile,
} from "../../../host/firewalld.ts";
import { isInitialNetns } from "../../../host/initial-netns.ts";
import { type Executables, parseMode, readVersion } from "../executables.ts";
import type { AppliedRules } from "../record.ts";
import type { RuleSet, Style } from "../rule.ts";
import { withoutRules, withRules } from "./change-stored.ts";
import { type DirectDocument, parseDirect } from "./direct-xml.ts";
import { findStored, type StoredRules } from "./stored-rules.ts";

/** The host's firewalld, as far as it keeps rules of ours. It works in the host's own network namespace alone. */
export interface Stored {
  readonly document: DirectDocument;
  readonly rules: StoredRules;
}

/**
 * What firewalld has stored of ours or of kumactl's; undefined: nothing, also where another network namespace is meant.
 *
 * @throws TproxyError STORE_FAILED where the file is about us and cannot be understood
 */
export function readStored(netns: NetnsFact, recorded: readonly AppliedRules[]): Stored | undefined {
  if (!isInitialNetns(netns)) return undefined;
  const text = readDirectFile();
  if (text === undefined || !/KUMA_MESH_|kuma\/mesh\/|tproxyctl/.test(text)) return undefined;
  const document = understand(text);
  const rules = findStored(document, recorded);
  return rules.entries.length === 0 ? undefined : { document, rules };
}

/** What is to be stored, and what with. */
export interface Storing {
  readonly netns: NetnsFact;
  readonly executables: readonly Executables[];
  readonly sets: readonly RuleSet[];
  readonly style: Style;
  /** Asked for. False: only if rules are stored already, which would come back in the place of these. */
  readonly wanted: boolean;
  /** What is written down of the installation that is there. */
  readonly recorded: readonly AppliedRules[];
}

/**
 * Whether there is something to store.
 *
 * @throws TproxyError STORE_FAILED where it cannot be, OPTION_UNSUPPORTED if that was asked for; nothing has been changed
 */
async function checkStoring({ netns, executables, wanted, recorded }: Omit<Storing, "sets" | "style">) {
  if (!wanted && readStored(netns, recorded) === undefined) return false;
  const what = "the rules cannot be stored with firewalld";
  // What is stored already, and cannot follow, says nothing about an engine.
  const code = wanted ? "OPTION_UNSUPPORTED" : "STORE_FAILED";
  if (!isInitialNetns(netns))
    throw new TproxyError(code, `${what}: it works in the host's own network namespace, and this is another`);
  if (!hasFirewalld())
    throw new TproxyError(code, `${what}: it is not installed here`, {
      hint: "Install it (apt-get install firewalld), or use --store-systemd.",
    });
  const text = readDirectFile();
  if (text !== undefined) understand(text);
  const mode = parseMode(await readVersion(FIREWALLD_IPTABLES));
  const other = executables.find((each) => each.mode !== mode);
  if (other === undefined) return true;
  throw new TproxyError(
    code,
    `${what}: it applies them with ${FIREWALLD_IPTABLES}, which is ${mode}, and these are for ${other.restore}, which is ${other.mode}`,
    { hint: "Choose the same for both: update-alternatives --config iptables, or --iptables-executables." },
  );
}

/**
 * For `apply`: whether it is to store, and whether that was asked for.
 *
 * @param wanted asked for; false: as far as firewalld keeps rules of ours already
 * @throws TproxyError as `checkStoring`
 */
export async function checkedStoring(
  netns: NetnsFact,
  { executables }: Pick<Storing, "executables">,
  record: { readonly applied: readonly AppliedRules[] } | undefined,
  wanted: boolean,
): Promise<{ readonly storeFirewalld?: boolean }> {
  const isStored = await checkStoring({ netns, executables, wanted, recorded: record?.applied ?? [] });
  return isStored ? { storeFirewalld: wanted } : {};
}

/**
 * Stores rules that are in effect. A firewalld that runs applies them anew: from then on they are its own, and its next
 * reload or start brings them back.
 *
 * @returns what the user should know, one sentence each
 */
export async function storeRules(storing: Omit<Storing, "executables">, undo: Undo): Promise<string[]> {
  const { sets, style, wanted, recorded } = storing;
  const before = readDirectFile();
  const document = before === undefined ? undefined : understand(before);
  const text = withRules(document, sets, style, recorded);
  const notes = wanted
    ? []
    : [
        `firewalld has rules of the transparent proxy stored: they were changed with the installation (${DIRECT_FILE})`,
      ];
  if (text === before) return notes;
  const isRunning = await isFirewalldRunning();
  undo.add(`putting back ${DIRECT_FILE}`, () => change(before, isRunning));
  await change(text, isRunning);
  return [...notes, noteReload(isRunning), ...noteIpv6(sets)];
}

/**
 * Removes what firewalld has stored of ours or of kumactl's.
 *
 * @returns what the user should know, one sentence each
 */
export async function removeStoredRules(
  netns: NetnsFact,
  recorded: readonly AppliedRules[],
): Promise<string[]> {
  const stored = readStored(netns, recorded);
  if (stored === undefined) return [];
  await change(withoutRules(stored.document, recorded), await isFirewalldRunning());
  return [`the rules that firewalld had stored are gone from ${DIRECT_FILE}`];
}

async function change(text: string | undefined, isRunning: boolean): Promise<void> {
  writeDirectFile(text);
  if (isRunning) await reloadFirewalld();
}

function noteReload(isRunning: boolean): string {
  return isRunning
    ? "firewalld has the rules now, and brings them back at each start and reload. Both begin by removing all rules " +
        "of iptables, those of other programs too"
    : `firewalld does not run: it will apply the rules in ${DIRECT_FILE} when it starts`;
}

function noteIpv6(sets: readonly RuleSet[]): string[] {
  if (!sets.some(({ family }) => family === 6) || !refusesRedirectedIpv6()) return [];
  return [
    "firewalld refuses IPv6 connections that rules redirect to ::1: set RFC3964_IPv4=no in /etc/firewalld/firewalld.conf, " +
      "or use --engine=ebpf, whose connections go there by lo",
  ];
}

function understand(text: string): DirectDocument {
  const document = parseDirect(text);
  if (document !== undefined) return document;
  throw new TproxyError("STORE_FAILED", `${DIRECT_FILE} is not what firewalld writes, and is left as it is`, {
    hint: "Mend it: `firewall-cmd --check-config` says what is wrong.",
  });
}
