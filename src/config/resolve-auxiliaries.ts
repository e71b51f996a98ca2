// SPDX-License-Identifier: Apache-2.0
import type { Problem } from "../core/errors.ts";
import { AUXILIARIES, INSTANCE_IP_VARIABLE } from "./auxiliary.ts";
import type { Layer } from "./layers.ts";
import { auxiliarySchema } from "./schema.ts";
import { toProblem, toTree } from "./tree.ts";
import { FALSE_WORDS, TRUE_WORDS } from "./values.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads what only kumactl has: says of each that it does nothing, and takes the instance's addresses from the variable
 * that has them.
 */
export function resolveAuxiliaries(
  given: Layer,
  variables: Variables,
): { readonly layer: Layer; readonly notes: readonly string[]; readonly problems: readonly Problem[] } {
  const auxiliaries = new Map(
    AUXILIARIES.flatMap(({ key }) => {
      const each = given.get(key);
      return each === undefined ? [] : [[key, each] as const];
    }),
  );
  const instance = instanceLayer(given, variables);
  const layer = new Map([...given, ...instance.layer]);
  if (auxiliaries.size === 0) return { layer, notes: instance.notes, problems: [] };
  const parsed = auxiliarySchema.safeParse(toTree(auxiliaries));
  const sources = new Map([...auxiliaries].map(([key, { source }]) => [key, source]));
  const problems = (parsed.error?.issues ?? []).map(({ path, message }) => toProblem(path, message, sources));
  const notes = AUXILIARIES.flatMap(({ key, note }) => {
    const each = given.get(key);
    if (note === undefined || each === undefined || !saysSomething(each.value)) return [];
    return [`${each.source}: ${note}`];
  });
  return { layer, notes: [...instance.notes, ...notes], problems };
}

/** No list, no text, `false`: what is at its default needs no word. */
function saysSomething(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(saysSomething);
  return value !== "" && value !== false && !FALSE_WORDS.includes(String(value));
}

function instanceLayer(
  given: Layer,
  variables: Variables,
): { readonly layer: Layer; readonly notes: readonly string[] } {
  const nothing = { layer: new Map(), notes: [] };
  const addresses = given.get("ebpf.instanceIPs");
  if (addresses?.source !== "default" && !isEmpty(addresses?.value)) return nothing;
  const named = given.get("ebpf.instanceIPEnvVarName");
  const isNamed = typeof named?.value === "string" && named.value !== "";
  const wanted = TRUE_WORDS.includes(String(given.get("ebpf.enabled")?.value));
  if (!isNamed && !wanted) return nothing;
  const name = isNamed ? String(named.value) : INSTANCE_IP_VARIABLE;
  const value = variables[name];
  if (value !== undefined && value !== "")
    return { layer: new Map([["ebpf.instanceIPs", { value, source: name }]]), notes: [] };
  if (!isNamed) return nothing;
  const note = `${named.source}: the variable ${name} is not set: inbound connections to all addresses are redirected`;
  return { ...nothing, notes: [note] };
}

function isEmpty(value: unknown): boolean {
  return value === "" || (Array.isArray(value) && value.every((each) => each === ""));
}
