// SPDX-License-Identifier: Apache-2.0
import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from "yaml";
import { type Dataplane, type DataplaneFile, findPair, findPairs, startOf, toReadPair } from "./read.ts";

/** A service that an outbound names. */
export interface NamedService {
  readonly name: string;
  /** As it may stand in a list: as in the file, with its quotes and placeholders. */
  readonly text: string;
  /** Where it stands. */
  readonly offset: number;
}

/** What the outbound section names: services by their tag, each once, and backends (`backendRef`), which are no services. */
export interface NamedTargets {
  readonly services: readonly NamedService[];
  /** Where each stands. */
  readonly backends: readonly number[];
}

const SERVICE_TAG = "kuma.io/service";

export function namedTargets(file: DataplaneFile, dataplane: Dataplane): NamedTargets {
  const services = new Map<string, NamedService>();
  const backends: number[] = [];
  for (const outbound of outboundsOf(dataplane)) {
    const backend = isMap(outbound) ? findPair(outbound, "backendRef") : undefined;
    if (backend !== undefined) backends.push(startOf(backend.key));
    const service = serviceOf(outbound, dataplane);
    if (service === undefined) continue;
    const named = toNamedService(service, file);
    if (named.name !== "" && !services.has(named.name)) services.set(named.name, named);
  }
  return { services: [...services.values()], backends };
}

function outboundsOf(dataplane: Dataplane): readonly (Node | undefined)[] {
  return findPairs(dataplane.networking.value, "outbound").flatMap(({ value }) => {
    const list = follow(value, dataplane);
    return isSeq(list) ? list.items.map((item) => follow(item, dataplane)) : [];
  });
}

/** `tags: {kuma.io/service: redis}` or, as it was before there were tags, `service: redis`. */
function serviceOf(outbound: unknown, dataplane: Dataplane): Scalar | undefined {
  if (!isMap(outbound)) return undefined;
  const tags = follow(findPair(outbound, "tags")?.value, dataplane);
  const tag = isMap(tags)
    ? tags.items.map(toReadPair).findLast(({ key }) => isScalar(key) && key.value === SERVICE_TAG)
    : undefined;
  const service = follow((tag ?? findPair(outbound, "service"))?.value, dataplane);
  return isScalar(service) && service.value !== null ? service : undefined;
}

function toNamedService(scalar: Scalar, { source, masked }: DataplaneFile): NamedService {
  const name = masked.unmask(String(scalar.value));
  const [start, end] = scalar.range ?? [0, 0];
  const written = source.text.slice(start, end);
  const asWritten =
    typeof scalar.value === "string" && /^(PLAIN|QUOTE)/.test(scalar.type ?? "") && !/\n/.test(written);
  return { name, text: asWritten ? written : JSON.stringify(name), offset: start };
}

function follow(node: unknown, { aliases }: Dataplane): Node | undefined {
  if (isAlias(node)) {
    const target = aliases.follow(node);
    return typeof target === "string" ? undefined : target;
  }
  return isMap(node) || isSeq(node) || isScalar(node) ? node : undefined;
}
