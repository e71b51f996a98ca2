// SPDX-License-Identifier: Apache-2.0
import type { Problem } from "../core/errors.ts";
import type { Given } from "./layers.ts";

interface Tree {
  [name: string]: unknown;
}

/** `redirect.inbound.port` → 15006 as `{ redirect: { inbound: { port: 15006 } } }`. The keys are ours, not the user's. */
export function toTree(layer: ReadonlyMap<string, Given | undefined>): unknown {
  const root: Tree = {};
  for (const [key, given] of layer) {
    const path = key.split(".");
    const last = path.pop() ?? key;
    let node = root;
    for (const name of path) {
      const child = node[name];
      const next = isTree(child) ? child : {};
      node[name] = next;
      node = next;
    }
    node[last] = given?.value;
  }
  return root;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null;
}

/** What the schema says of a value, with where that value came from. */
export function toProblem(
  path: readonly PropertyKey[],
  message: string,
  sources: ReadonlyMap<string, string>,
): Problem {
  // An issue inside a list is the list's: its path is one or more elements longer than the setting's.
  for (let length = path.length; length > 0; length--) {
    const source = sources.get(path.slice(0, length).join("."));
    if (source !== undefined) return { source, message };
  }
  throw new Error(`the schema complains about ${path.join(".")}, which is no setting: ${message}`);
}
