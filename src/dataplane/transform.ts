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
import { notesOf } from "./transform-notes.ts";
import type { TransformOptions, WantedPort } from "./transform-options.ts";

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
  const ports = [portWritten(file, dataplane, "inbound"), portWritten(file, dataplane, "outbound")] as const;
  const targets = namedTargets(file, dataplane);
  const missing = missingEntries(dataplane, ports, targets, options);
  const task = { file, dataplane, sections, missing };
  const { edits, gone } = networking.value.flow === true ? editBraces(task) : editLines(task);
  requireNoAliasInto(file, dataplane, gone);
  const corrected = ports.filter((port) => isToBeCorrected(port, options[port.way]));
  const corrections = corrected.map(({ way, extent }) => ({ ...extent, text: String(options[way].port) }));
  const place = `${file.source.name}:${placeOf(file.source.text, startOf(networking.key)).line}`;
  const done = { gone: gone.length > 0, missing, corrected, ports, targets };
  const keepsList =
    missing.every(([key]) => key !== "reachableServices") && has(dataplane, "reachableServices");
  return {
    edits: [...edits, ...corrections],
    notes: notesOf({ ...done, keepsList }, options).map((text) => `${place}: ${text}`),
  };
}

function missingEntries(
  dataplane: Dataplane,
  ports: readonly WrittenPort[],
  { services }: NamedTargets,
  { family, reachableServices, ...wanted }: TransformOptions,
): SectionEntries {
  const missing: [string, string | readonly string[]][] = ports
    .filter(({ isMissing }) => isMissing)
    .map(({ key, way }) => [key, String(wanted[way].port)]);
  const changes = missing.length > 0 || findPairs(dataplane.networking.value, "outbound").length > 0;
  if (family.ipv4Only && (changes || family.correct) && !has(dataplane, "ipFamilyMode"))
    missing.push(["ipFamilyMode", "IPv4"]);
  if (reachableServices && services.length > 0 && !has(dataplane, "reachableServices"))
    missing.push(["reachableServices", services.map(({ text }) => text)]);
  return missing;
}

function isToBeCorrected({ isMissing, port }: WrittenPort, wanted: WantedPort): boolean {
  return wanted.correct && !isMissing && port !== wanted.port;
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
