// The direction of imports (docs: architecture), as a function from sources to violations.

import { posix } from "node:path";
import { parseAst } from "vitest/node";

/** Each directory of src/ and the ones that it may import from, next to itself. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  native: ["core"],
  bpf: ["native", "core"],
  host: ["native", "core"],
  config: ["core"],
  // Pure: it gets facts of the host as plain data, so their types live in plan or core.
  plan: ["config", "core"],
  // Pure as well: of a Dataplane resource and of what is installed it gets text and plain data.
  dataplane: ["plan", "config", "core"],
  // Only bpf and host touch native; the engines go through them.
  engine: ["plan", "config", "bpf", "host", "core"],
  observe: ["engine", "plan", "config", "bpf", "host", "native", "core"],
  commands: ["observe", "engine", "dataplane", "plan", "config", "bpf", "host", "native", "core"],
  cli: ["commands", "observe", "engine", "dataplane", "plan", "config", "bpf", "host", "native", "core"],
};

/** Only these may write to stdout: results go there, everything else to stderr. */
const MAY_WRITE_TO_STDOUT: readonly string[] = ["commands", "cli"];
const CONSOLE_ON_STDOUT: readonly string[] = [
  "debug",
  "dir",
  "group",
  "info",
  "log",
  "table",
  "timeEnd",
  "timeLog",
];

export interface Source {
  /** Relative to the project, such as "src/core/errors.ts". */
  readonly path: string;
  readonly text: string;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** What package.json declares. */
export interface Packages {
  readonly runtime: readonly string[];
  readonly bundled: readonly string[];
}

/** One line for each thing that a source does and its layer may not. */
export function importViolations(sources: readonly Source[], packages: Packages): readonly string[] {
  const paths = new Set(sources.map(({ path }) => path));
  return sources.flatMap((source) => {
    const layer = layerOf(source.path);
    if (layer === undefined) {
      return [`${source.path}: is in no layer (${Object.keys(LAYERS).join(", ")})`];
    }
    const nodes = allNodes(parseSource(source));
    const problems = [
      ...nodes.flatMap(importsOf).map((specifier) => {
        if (specifier === undefined) {
          return "imports something that is only known when it runs";
        }
        return specifier.startsWith(".")
          ? problemOfOwnImport(source.path, layer, specifier, paths)
          : problemOfPackageImport(layer, specifier, packages);
      }),
      ...(MAY_WRITE_TO_STDOUT.includes(layer) ? [] : nodes.map(problemOfOutput)),
    ];
    return problems.filter((problem) => problem !== undefined).map((problem) => `${source.path}: ${problem}`);
  });
}

function layerOf(path: string): string | undefined {
  const [src, layer, file] = path.split("/");
  return src === "src" && layer !== undefined && file !== undefined && Object.hasOwn(LAYERS, layer)
    ? layer
    : undefined;
}

function problemOfOwnImport(from: string, layer: string, specifier: string, paths: ReadonlySet<string>) {
  const target = posix.join(posix.dirname(from), specifier);
  if (!target.startsWith("src/")) {
    return `imports ${specifier}, which is outside of src/`;
  }
  if (!paths.has(target)) {
    return `imports ${specifier}, which does not exist`;
  }
  const targetLayer = layerOf(target);
  if (targetLayer === layer || (targetLayer !== undefined && LAYERS[layer]?.includes(targetLayer))) {
    return undefined;
  }
  return `${layer} may not import ${targetLayer} (${specifier})`;
}

function problemOfPackageImport(layer: string, specifier: string, packages: Packages): string | undefined {
  if (specifier.startsWith("node:")) {
    return undefined;
  }
  const name = packageOf(specifier);
  if (name === "koffi") {
    return layer === "native" ? undefined : "only native may import koffi";
  }
  return packages.runtime.includes(name) || packages.bundled.includes(name)
    ? undefined
    : `imports ${name}, which package.json does not declare`;
}

function packageOf(specifier: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}

/** The specifiers of all forms of import, types included; undefined for one that is computed. */
function importsOf(node: Node): readonly (string | undefined)[] {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return [literal(node.source)];
    case "ExportNamedDeclaration":
      return isNode(node.source) ? [literal(node.source)] : [];
    case "CallExpression":
      return isIdentifier(node.callee, "require") ? [literal(firstOf(node.arguments))] : [];
    default:
      return [];
  }
}

function problemOfOutput(node: Node): string | undefined {
  if (node.type === "ImportDeclaration" && /^(?:node:)?process$/.test(literal(node.source) ?? "")) {
    const names = Array.isArray(node.specifiers) ? node.specifiers.filter(isNode) : [];
    return names.some(({ imported }) => isIdentifier(imported, "stdout"))
      ? "imports process.stdout"
      : undefined;
  }
  if (node.type !== "MemberExpression") {
    return undefined;
  }
  const { object, property } = node;
  if (isNamed(property, ["stdout"]) && (isIdentifier(object, "process") || isMember(object, "process"))) {
    return "uses process.stdout";
  }
  if (
    isNamed(property, CONSOLE_ON_STDOUT) &&
    (isIdentifier(object, "console") || isMember(object, "console"))
  ) {
    return "writes to stdout by console";
  }
  return undefined;
}

function parseSource({ path, text }: Source): unknown {
  try {
    return parseAst(text, { lang: "ts" }, path);
  } catch (cause) {
    throw new Error(`Reading the imports of ${path} failed: it is not valid TypeScript.`, { cause });
  }
}

function allNodes(value: unknown): readonly Node[] {
  if (Array.isArray(value)) {
    return value.flatMap(allNodes);
  }
  if (typeof value !== "object" || value === null) {
    return [];
  }
  const below = Object.values(value).flatMap(allNodes);
  return isNode(value) ? [value, ...below] : below;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "type") === "string";
}

function isIdentifier(value: unknown, name: string): boolean {
  return isNode(value) && value.type === "Identifier" && value.name === name;
}

function isMember(value: unknown, name: string): boolean {
  return isNode(value) && value.type === "MemberExpression" && isNamed(value.property, [name]);
}

/** A property, written as `.name` or as `["name"]`. */
function isNamed(property: unknown, names: readonly string[]): boolean {
  return names.some((name) => isIdentifier(property, name) || literal(property) === name);
}

function literal(value: unknown): string | undefined {
  if (!isNode(value) || value.type !== "Literal" || typeof value.value !== "string") {
    return undefined;
  }
  return value.value;
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}
