// SPDX-License-Identifier: Apache-2.0
import { checkPlaces } from "./check-places.ts";
import { checkRedirect } from "./check-redirect.ts";
import { checkAnnotation, checkServices } from "./check-services.ts";
import { fill } from "./fill.ts";
import type { Finding, Findings } from "./finding.ts";
import type { HostAddresses, Interception } from "./interception.ts";
import { type Offsets, toPlain, Unfilled } from "./plain.ts";
import { type Dataplane, type DataplaneFile, readDataplanes, startOf } from "./read.ts";
import { type Networking, problemsOf, resource } from "./schema.ts";
import { locate, type Place, placeOf, type Source } from "./source.ts";
import { findSections, findTags, type Tag } from "./tags.ts";

export interface PlacedFinding extends Finding, Place {}

/**
 * Compares the Dataplanes of a file with what is intercepted. In the order of their places; placeholders without a value are
 * not judged.
 *
 * @throws TproxyError DATAPLANE_INVALID where there is no Dataplane, or the text cannot be read
 */
export function check(
  source: Source,
  values: ReadonlyMap<string, string>,
  interception: Interception,
  host: HostAddresses,
): PlacedFinding[] {
  const tags = findTags(source);
  const { text, toOriginal, unfilled, unused } = fill(source, tags, findSections(source, tags), values);
  const filled: Source = { name: source.name, text, template: { text: source.text, toOriginal } };
  const file = readDataplanes(filled, findTags(filled));
  const found = file.dataplanes.flatMap((dataplane) => checkOne(file, dataplane, interception, host));
  return [...found, ...checkValues(source, unfilled, unused, values)].toSorted(
    (a, b) => a.line - b.line || a.column - b.column,
  );
}

function checkOne(
  file: DataplaneFile,
  dataplane: Dataplane,
  interception: Interception,
  host: HostAddresses,
): PlacedFinding[] {
  const { data, offsets } = toPlain(file, dataplane);
  const found: PlacedFinding[] = [];
  const add = (severity: Finding["severity"]) => (path: string, message: string, remedy: string) => {
    const place = locate(file.source, offsetOf(path, offsets) ?? startOf(dataplane.root));
    found.push({ severity, path, message, remedy, ...place });
  };
  const findings: Findings = { error: add("error"), warning: add("warning") };
  checkAnnotation(data, findings);
  const parsed = resource.safeParse(data);
  if (!parsed.success) {
    for (const { path, message } of problemsOf(parsed.error.issues)) findings.error(path, message, "mend it");
    return found;
  }
  const networking = parsed.data.networking ?? parsed.data.spec?.networking;
  if (networking !== undefined) checkNetworking(networking, interception, host, findings);
  return found;
}

function checkNetworking(
  networking: Networking,
  interception: Interception,
  host: HostAddresses,
  findings: Findings,
): void {
  const { transparentProxying: section, outbound } = networking;
  if (section === undefined || section === null)
    findings.error("networking", "has no transparentProxying: it is not transparent", TRANSFORM);
  else if (!(section instanceof Unfilled)) {
    checkRedirect(section, interception, findings);
    checkServices(networking, section, findings);
    if (outbound instanceof Unfilled || (outbound ?? []).length > 0)
      findings.error("networking.outbound", "Kuma does not use it beside transparentProxying", TRANSFORM);
  }
  checkPlaces(networking, interception, host, findings);
}

const TRANSFORM = "tproxyctl dataplane transform --in-place FILE changes that";

/** Of the nearest thing around it that is written down. */
function offsetOf(path: string, offsets: Offsets): number | undefined {
  for (let part = path; part !== ""; part = part.slice(0, Math.max(0, part.lastIndexOf(".")))) {
    const offset = offsets.get(part) ?? offsets.get(`spec.${part}`);
    if (offset !== undefined) return offset;
  }
  return undefined;
}

/** Where a value is given, those who start kuma-dp give the others as well. */
function checkValues(
  { text }: Source,
  unfilled: readonly Tag[],
  unused: readonly string[],
  values: ReadonlyMap<string, string>,
): PlacedFinding[] {
  const warn = (offset: number, message: string, remedy: string): PlacedFinding => {
    return { severity: "warning", path: "", message, remedy, ...placeOf(text, offset) };
  };
  const missing = values.size === 0 ? [] : unfilled;
  return [
    ...missing.map(({ start, name }) =>
      warn(
        start,
        `${name} has no value: kuma-dp would put nothing here`,
        `give --dataplane-var ${name}=VALUE`,
      ),
    ),
    ...unused.map((name) =>
      warn(0, `no placeholder asks for ${name}`, `leave --dataplane-var ${name}=… out`),
    ),
  ];
}
