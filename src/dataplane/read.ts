// SPDX-License-Identifier: Apache-2.0
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
} from "yaml";
import { Aliases } from "../config/files/aliases.ts";
import { parseDocuments } from "../config/files/parse-yaml.ts";
import { type Masked, mask } from "./mask.ts";
import { refusal, type Source } from "./source.ts";
import type { Tag } from "./tags.ts";

/** The text of a file with its Dataplanes. Offsets are those of `source`. */
export interface DataplaneFile {
  readonly source: Source;
  readonly masked: Masked;
  readonly dataplanes: readonly Dataplane[];
}

export interface Dataplane {
  /** The whole resource. */
  readonly root: YAMLMap;
  /** `networking` with its key. */
  readonly networking: { readonly key: Node; readonly value: YAMLMap };
  readonly document: Document.Parsed;
  readonly aliases: Aliases;
}

/**
 * Finds the resources of `type: Dataplane` (or, in the form of Kubernetes, `kind: Dataplane`), in any document of a file, or
 * below `items`. Others are left alone.
 *
 * @throws TproxyError DATAPLANE_INVALID where the text is no YAML, or has no Dataplane
 */
export function readDataplanes(source: Source, tags: readonly Tag[]): DataplaneFile {
  const masked = mask(source, tags);
  const parsed = parseDocuments(masked.text);
  if ("problem" in parsed)
    throw refusal(source, parsed.offset ?? 0, masked.unmask(parsed.problem), YAML_HINT);
  const dataplanes: Dataplane[] = [];
  const others: string[] = [];
  for (const document of parsed.documents) {
    const aliases = new Aliases(document);
    for (const root of resources(document)) {
      const kind = wordOf(root, "type") ?? wordOf(root, "kind");
      if (kind === "Dataplane")
        dataplanes.push({ root, document, aliases, networking: findNetworking(source, root) });
      else others.push(kind ?? "something without a type");
    }
  }
  if (dataplanes.length === 0) {
    const start = parsed.documents[0]?.contents?.range?.[0] ?? 0;
    throw refusal(
      source,
      start,
      `there is no Dataplane in it${others.length > 0 ? `, but ${others.join(", ")}` : ""}`,
      NONE_HINT,
    );
  }
  return { source, masked, dataplanes };
}

const YAML_HINT =
  "A Dataplane is YAML or JSON, with placeholders such as {{ address }} where a value may be.";
const NONE_HINT = "A Dataplane says `type: Dataplane`, or `kind: Dataplane` in the form of Kubernetes.";

function resources({ contents }: Document.Parsed): YAMLMap[] {
  if (!isMap(contents)) return [];
  const items = findPair(contents, "items")?.value;
  if (!isSeq(items) || wordOf(contents, "type") !== undefined) return [contents];
  return items.items.filter((item) => isMap(item));
}

function findNetworking(source: Source, root: YAMLMap): Dataplane["networking"] {
  const spec = findPair(root, "spec");
  const holder = spec === undefined ? root : spec.value;
  const pair = isMap(holder) ? findPair(holder, "networking") : undefined;
  const at = startOf(isNode(holder) ? holder : root);
  if (pair === undefined) throw refusal(source, at, "the Dataplane has no networking section");
  const { key, value } = pair;
  if (isMap(value)) return { key, value };
  const what = isAlias(value)
    ? `an alias, *${value.source}: write it out`
    : "no table of settings (key: value)";
  throw refusal(source, startOf(key), `networking is ${what}`);
}

/** A pair whose key is a node, as all are that were read from a text. */
export interface ReadPair {
  readonly key: Node;
  readonly value: Node | null;
}

/** All pairs of a table with that key, in either spelling that protobuf's JSON has: `reachableServices`, `reachable_services`. */
export function findPairs(table: YAMLMap, name: string): ReadPair[] {
  return table.items.map(toReadPair).filter(({ key }) => nameOf(key) === name);
}

/** The last one counts, where there is more than one. */
export function findPair(table: YAMLMap, name: string): ReadPair | undefined {
  return findPairs(table, name).at(-1);
}

/** What a key is called, in camel case; undefined for one that is no word. */
export function nameOf(key: Node): string | undefined {
  if (!isScalar(key)) return undefined;
  return String(key.value).replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function toReadPair({ key, value }: Pair): ReadPair {
  if (!isNode(key)) throw new Error("a key that was read from a text is a node");
  return { key, value: isNode(value) ? value : null };
}

function wordOf(table: YAMLMap, name: string): string | undefined {
  const value = findPair(table, name)?.value;
  return isScalar(value) && typeof value.value === "string" ? value.value : undefined;
}

export function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
