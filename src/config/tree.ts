// SPDX-License-Identifier: Apache-2.0
import type { Problem } from "../core/errors.ts";
import type { Given } from "./layers.ts";

/** `redirect.inbound.port` → 15006 as `{ redirect: { inbound: { port: 15006 } } }`. */
export function toTree(layer: ReadonlyMap<string, Given | undefined>): unknown {
  const root = new Map<string, unknown>();
  for (const [key, given] of layer) {
    const path = key.split(".");
    const last = path.pop() ?? key;
    let node = root;
    for (const name of path) {
      const child = node.get(name);
      const next = child instanceof Map ? child : new Map<string, unknown>();
      node.set(name, next);
      node = next;
    }
    node.set(last, given?.value);
  }
  return toObject(root);
}

function toObject(value: unknown): unknown {
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([name, child]) => [name, toObject(child)]));
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
