// SPDX-License-Identifier: Apache-2.0
import { isMap } from "yaml";
import { applyEdits, type Edit } from "./edit.ts";
import { editBraces } from "./edit-braces.ts";
import { editLines } from "./edit-lines.ts";
import { requireNoAliasInto } from "./guard.ts";
import { type Dataplane, type DataplaneFile, findPair, findPairs, readDataplanes, startOf } from "./read.ts";
import { portWritten, type WrittenPort } from "./section-entries.ts";
import type { SectionEntries } from "./section-text.ts";
import { type NamedTargets, namedTargets } from "./services.ts";
import { placeOf, refusal, type Source } from "./source.ts";
import { findSections, findTags, type Section } from "./tags.ts";

export interface TransformOptions {
  readonly inbound: WantedPort;
  readonly outbound: WantedPort;
  /** Only IPv4 is redirected. */
  readonly ipv4Only: boolean;
  /** The services that the outbound section named become `reachableServices`. */
  readonly reachableServices: boolean;
}

export interface WantedPort {
  /** 1–65535. */
  readonly port: number;
  /** Put it in the place of another one that is there. */
  readonly correct: boolean;
}

export interface Transformed {
  readonly text: string;
  /** What was done, and what was not, one sentence each, with its place. */
  readonly notes: readonly string[];
}

/**
 * Each Dataplane of a file in its transparent form: without `networking.outbound`, with `networking.transparentProxying`.
 * All else stays as it is, to the byte; so does what is transparent already.
 *
 * @throws TproxyError DATAPLANE_INVALID where there is no Dataplane, or one that cannot be changed without guessing
 */
export function transform(source: Source, options: TransformOptions): Transformed {
  const tags = findTags(source);
  const sections = findSections(source, tags);
  const file = readDataplanes(source, tags);
  const done = file.dataplanes.map((dataplane) => transformOne(file, dataplane, sections, options));
  const text = applyEdits(
    source.text,
    done.flatMap(({ edits }) => edits),
  );
  requireTransparent({ name: source.name, text });
  return { text, notes: done.flatMap(({ notes }) => notes) };
}

interface Done {
  readonly edits: readonly Edit[];
  readonly notes: readonly string[];
}

function transformOne(
  file: DataplaneFile,
  dataplane: Dataplane,
  sections: readonly Section[],
  options: TransformOptions,
): Done {
  const { networking } = dataplane;
  requireNoMerge(file, dataplane);
  const targets = namedTargets(file, dataplane);
  const ports = [portWritten(file, dataplane, "inbound"), portWritten(file, dataplane, "outbound")] as const;
  const services = options.reachableServices ? targets.services.map(({ text }) => text) : [];
  const missing: SectionEntries = [
    ...(ports[0].isMissing ? [[ports[0].key, String(options.inbound.port)] as const] : []),
    ...(ports[1].isMissing ? [[ports[1].key, String(options.outbound.port)] as const] : []),
    ...(options.ipv4Only && !has(dataplane, "ipFamilyMode") ? [["ipFamilyMode", "IPv4"] as const] : []),
    ...(services.length > 0 && !has(dataplane, "reachableServices")
      ? [["reachableServices", services] as const]
      : []),
  ];
  const task = { file, dataplane, sections, missing };
  const { edits, gone } = networking.value.flow === true ? editBraces(task) : editLines(task);
  requireNoAliasInto(file, dataplane, gone);
  const corrections = [...correct(ports[0], options.inbound), ...correct(ports[1], options.outbound)];
  const { line } = placeOf(file.source.text, startOf(networking.key));
  const at = (text: string) => `${file.source.name}:${line}: ${text}`;
  const all = [...edits, ...corrections];
  if (all.length === 0 && gone.length === 0)
    return { edits: [], notes: [at("is transparent already: unchanged"), ...keptNotes(ports, options, at)] };
  return {
    edits: all,
    notes: [
      ...(gone.length > 0 ? [at("networking.outbound is gone")] : []),
      ...missing.map(([key, value]) =>
        at(
          `networking.transparentProxying.${key} is new: ${typeof value === "string" ? value : value.join(", ")}`,
        ),
      ),
      ...corrections.map(({ text }) => at(`a redirect port is now ${text.trim()}`)),
      ...keptNotes(ports, options, at),
      ...serviceNotes(targets, dataplane, options, at),
    ],
  };
}

function has({ networking }: Dataplane, key: string): boolean {
  const section = findPair(networking.value, "transparentProxying")?.value;
  return isMap(section) && findPair(section, key) !== undefined;
}

/** What `<<` brings in stands somewhere else, where others use it as well. */
function requireNoMerge({ source }: DataplaneFile, { networking }: Dataplane): void {
  const section = findPair(networking.value, "transparentProxying")?.value;
  for (const table of [networking.value, section]) {
    const merge = isMap(table) ? findPair(table, "<<") : undefined;
    if (merge !== undefined)
      throw refusal(
        source,
        startOf(merge.key),
        "networking takes settings from somewhere else (<<): write them out",
      );
  }
}

function correct(written: WrittenPort, { port, correct: wanted }: WantedPort): readonly Edit[] {
  if (!wanted || written.isMissing || written.port === port) return [];
  return [{ ...written.extent, text: String(port) }];
}

function keptNotes(
  ports: readonly WrittenPort[],
  options: TransformOptions,
  at: (text: string) => string,
): string[] {
  const wanted = [options.inbound, options.outbound] as const;
  return ports.flatMap((written, index) => {
    const { port, correct: corrected } = wanted[index] ?? options.inbound;
    if (written.isMissing || corrected || written.port === undefined || written.port === port) return [];
    const flag = `--redirect-${index === 0 ? "inbound" : "outbound"}-port`;
    return [at(`${written.key} stays ${written.port}; ${flag} ${port} would change it`)];
  });
}

function serviceNotes(
  { services, backends }: NamedTargets,
  dataplane: Dataplane,
  { reachableServices }: TransformOptions,
  at: (text: string) => string,
): string[] {
  const names = services.map(({ name }) => name).join(", ");
  const notes: string[] = [];
  if (services.length > 0 && !reachableServices)
    notes.push(
      at(
        `networking.outbound named ${names}; --reachable-services would list them, without a list the proxy follows all services`,
      ),
    );
  if (services.length > 0 && reachableServices && has(dataplane, "reachableServices"))
    notes.push(at(`reachableServices stays as it is; outbound named ${names}`));
  if (services.length === 0 && reachableServices && !has(dataplane, "reachableServices"))
    notes.push(at("networking.outbound names no service: no reachableServices, all are reachable"));
  if (backends.length > 0)
    notes.push(
      at(
        "networking.outbound has backendRef: where only some are to be reachable, write them into reachableBackends",
      ),
    );
  return notes;
}

/** What comes out is read once more: an error is better than a file that is not what it is said to be. */
function requireTransparent(source: Source): void {
  const file = readDataplanes(source, findTags(source));
  for (const dataplane of file.dataplanes) {
    const { key, value } = dataplane.networking;
    const isMissing = (["inbound", "outbound"] as const).some(
      (way) => portWritten(file, dataplane, way).isMissing,
    );
    if (findPairs(value, "outbound").length > 0 || isMissing)
      throw refusal(
        source,
        startOf(key),
        "it is written in a way that cannot be changed safely",
        "Change it by hand.",
      );
  }
}
