// SPDX-License-Identifier: Apache-2.0
import type { WrittenPort } from "./section-entries.ts";
import type { SectionEntries } from "./section-text.ts";
import type { NamedTargets } from "./services.ts";
import type { TransformOptions } from "./transform-options.ts";

/** What was done to a Dataplane, and what was found in it. */
export interface DoneToDataplane {
  /** There was an outbound section. */
  readonly gone: boolean;
  /** What `transparentProxying` got. */
  readonly missing: SectionEntries;
  /** The ports that are others now. */
  readonly corrected: readonly WrittenPort[];
  /** As they were written before. */
  readonly ports: readonly WrittenPort[];
  readonly targets: NamedTargets;
  /** It had reachableServices. */
  readonly keepsList: boolean;
}

/** One sentence each. */
export function notesOf(done: DoneToDataplane, options: TransformOptions): string[] {
  const { gone, missing, corrected, ports } = done;
  const changes = [
    ...(gone ? ["networking.outbound is gone"] : []),
    ...missing.map(
      ([key, value]) => `${SECTION}.${key} is new: ${typeof value === "string" ? value : value.join(", ")}`,
    ),
    ...corrected.map(({ key, way }) => `${SECTION}.${key} is ${options[way].port} now`),
  ];
  return [
    ...(changes.length > 0 ? changes : ["is transparent already: unchanged"]),
    ...keptPorts(ports, options),
    ...(changes.length > 0 ? aboutTargets(done, options) : []),
  ];
}

const SECTION = "networking.transparentProxying";

function keptPorts(ports: readonly WrittenPort[], options: TransformOptions): string[] {
  return ports.flatMap(({ key, way, isMissing, port }) => {
    const wanted = options[way];
    if (isMissing || wanted.correct || port === undefined || port === wanted.port) return [];
    return [`${key} stays ${port}; --redirect-${way}-port ${wanted.port} would change it`];
  });
}

function aboutTargets(
  { targets: { services, backends }, keepsList }: DoneToDataplane,
  { reachableServices }: TransformOptions,
): string[] {
  const names = services.map(({ name }) => name).join(", ");
  const notes: string[] = [];
  if (names !== "" && !reachableServices)
    notes.push(
      `networking.outbound named ${names}; --reachable-services would list them, without a list the proxy follows all services`,
    );
  if (names !== "" && reachableServices && keepsList)
    notes.push(`reachableServices stays as it is; outbound named ${names}`);
  if (names === "" && reachableServices && !keepsList)
    notes.push("networking.outbound names no service: no reachableServices, all are reachable");
  if (backends.length > 0)
    notes.push(
      "networking.outbound has backendRef: where only some are to be reachable, write them into reachableBackends",
    );
  return notes;
}
