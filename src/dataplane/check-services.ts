// SPDX-License-Identifier: Apache-2.0
import { SECTION } from "./check-redirect.ts";
import type { Findings } from "./finding.ts";
import { Unfilled } from "./plain.ts";
import type { Networking, TransparentProxying } from "./schema.ts";

/** What Kuma takes for the value of a tag, `kuma.io/service` among them (pkg/core/resources/apis/mesh, ValidateTags). */
const SERVICE_NAME = /^[a-zA-Z0-9.\-_:]+$/;

const SERVICE_TAG = "kuma.io/service";

/** On a pod; a Dataplane has a list of its own. */
const ANNOTATION = "kuma.io/transparent-proxying-reachable-services";

/** Whom the application may reach: services, as of old, and backends, which are MeshServices and the like. */
export function checkServices(
  networking: Networking,
  section: TransparentProxying,
  findings: Findings,
): void {
  const { reachableServices, directAccessServices } = section;
  checkNames("reachableServices", reachableServices, findings);
  checkNames("directAccessServices", directAccessServices, findings);
  if (Array.isArray(reachableServices)) {
    if (reachableServices.length === 0) {
      const message = "is empty, which Kuma takes for no list: every service of the mesh is reachable";
      findings.warning(
        `${SECTION}.reachableServices`,
        message,
        "write [_noservice_] for none, or leave it out",
      );
    } else checkCovered(networking, section, reachableServices, findings);
  }
  checkBackends(section, findings);
}

function checkNames(
  key: "reachableServices" | "directAccessServices",
  names: TransparentProxying["reachableServices"],
  findings: Findings,
): void {
  if (!Array.isArray(names)) return;
  const first = new Map<string, number>();
  for (const [index, name] of names.entries()) {
    if (name instanceof Unfilled) continue;
    const path = `${SECTION}.${key}.${index}`;
    const earlier = first.get(name);
    if (earlier !== undefined)
      findings.warning(
        path,
        `${JSON.stringify(name)} is there twice, as number ${earlier + 1} too`,
        "remove one",
      );
    else first.set(name, index);
    if (SERVICE_NAME.test(name) || (name === "*" && key === "directAccessServices")) continue;
    findings.error(path, `${JSON.stringify(name)} is no name of a service`, remedyForName(name));
  }
}

function remedyForName(name: string): string {
  if (name === "*") return "leave the list out: then all are reachable";
  if (name.includes(","))
    return `write each on its own; the commas are those of the annotation ${ANNOTATION}`;
  return `write the value of the tag ${SERVICE_TAG}: letters, digits, dots, dashes, underscores and colons`;
}

/** What the outbound section names is what the application calls. */
function checkCovered(
  { outbound }: Networking,
  { reachableBackends }: TransparentProxying,
  reachable: readonly (string | Unfilled)[],
  findings: Findings,
): void {
  if (!Array.isArray(outbound) || reachable.some((name) => name instanceof Unfilled)) return;
  for (const [index, each] of outbound.entries()) {
    if (each instanceof Unfilled) continue;
    const { tags, service, backendRef } = each;
    const name = tags instanceof Unfilled ? tags : (tags?.[SERVICE_TAG] ?? service);
    const path = `networking.outbound.${index}`;
    if (typeof name === "string" && !reachable.includes(name))
      findings.error(
        path,
        `${JSON.stringify(name)} is not in reachableServices, so it cannot be reached`,
        "add it there",
      );
    if (backendRef !== undefined && (reachableBackends ?? undefined) === undefined)
      findings.error(
        path,
        "with reachableServices alone no MeshService can be reached",
        "add the backend to reachableBackends.refs",
      );
  }
}

const BACKEND_KINDS = ["MeshService", "MeshExternalService", "MeshMultiZoneService"];

function checkBackends({ reachableBackends }: TransparentProxying, findings: Findings): void {
  if (reachableBackends === undefined || reachableBackends === null || reachableBackends instanceof Unfilled)
    return;
  const { refs } = reachableBackends;
  if (!Array.isArray(refs)) return;
  for (const [index, ref] of refs.entries()) {
    if (ref instanceof Unfilled) continue;
    const { kind, name, namespace, labels } = ref;
    const path = `${SECTION}.reachableBackends.refs.${index}`;
    if (!(kind instanceof Unfilled) && !BACKEND_KINDS.includes(kind ?? ""))
      findings.error(
        path,
        `${JSON.stringify(kind ?? "")} is no kind of backend`,
        `write one of ${BACKEND_KINDS.join(", ")}`,
      );
    const hasLabels = labels instanceof Unfilled || Object.keys(labels ?? {}).length > 0;
    if (isEmpty(name) && !isEmpty(namespace))
      findings.error(path, "has a namespace and no name", "add the name");
    else if (isEmpty(name) && !hasLabels) findings.error(path, "names nothing", "add a name, or labels");
    else if (!isEmpty(name) && hasLabels)
      findings.error(path, "has a name and labels", "leave one of the two");
  }
}

function isEmpty(text: string | Unfilled | null | undefined): boolean {
  return text === undefined || text === null || text === "";
}

/** An annotation of pods that somebody wrote into the Dataplane itself does nothing there. */
export function checkAnnotation(data: unknown, findings: Findings): void {
  for (const path of [["metadata", "annotations"], ["annotations"], ["labels"], ["metadata", "labels"]]) {
    const table = path.reduce<unknown>((value, key) => below(value, key), data);
    if (below(table, ANNOTATION) === undefined) continue;
    findings.warning(
      [...path, ANNOTATION].join("."),
      "this is read from pods, not from a Dataplane",
      `write ${SECTION}.reachableServices, a list`,
    );
  }
}

function below(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
