// SPDX-License-Identifier: Apache-2.0
import { isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import { type Dataplane, type DataplaneFile, nameOf, startOf, toReadPair } from "./read.ts";

/** Stands for a value that has a placeholder in it: nobody knows yet what it will be. */
export class Unfilled {
  /** As it is written: "{{ port }}". */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Where values are: the offset of each, by its path ("networking.inbound.0.port"). */
export type Offsets = ReadonlyMap<string, number>;

/** The resource as plain data, keys in camel case, and where each of its values stands. */
export function toPlain(
  { masked }: DataplaneFile,
  { root, aliases }: Dataplane,
): { readonly data: unknown; readonly offsets: Offsets } {
  const offsets = new Map<string, number>();
  const convert = (node: Node | null, path: string, isTag: boolean): unknown => {
    if (isAlias(node)) {
      const target = aliases.follow(node);
      return typeof target === "string" ? undefined : convert(target, path, isTag);
    }
    if (isMap(node)) {
      const entries = node.items.map(toReadPair).map(({ key, value }) => {
        const name = masked.unmask((isTag && isScalar(key) ? String(key.value) : nameOf(key)) ?? "");
        const below = path === "" ? name : `${path}.${name}`;
        offsets.set(below, startOf(key));
        return [name, convert(value, below, BY_NAME.has(name))];
      });
      return Object.fromEntries(entries);
    }
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const below = `${path}.${index}`;
        offsets.set(below, startOf(item as Node));
        return convert(item as Node, below, false);
      });
    }
    if (!isScalar(node)) return null;
    const value = node.value;
    if (typeof value !== "string") return value;
    return masked.hasTag(value) ? new Unfilled(masked.unmask(value)) : masked.unmask(value);
  };
  return { data: convert(root, "", false), offsets };
}

/** Tables whose keys are names of users' own, not of protobuf's fields. */
const BY_NAME: ReadonlySet<string> = new Set(["tags", "labels", "annotations"]);
