// SPDX-License-Identifier: Apache-2.0
import * as z from "zod/mini";
import { Unfilled } from "./plain.ts";

/*
 * What is looked at of a Dataplane (Kuma's api/mesh/v1alpha1/dataplane.proto), and no more: other keys are Kuma's to judge.
 * A value with a placeholder in it fits everywhere.
 */

const unfilled = z.instanceof(Unfilled);

function value<T extends z.core.$ZodType>(type: T, error: string) {
  return z.nullish(z.union([type, unfilled], { error }));
}

const NO_PORT = "must be a port: a whole number from 1 to 65535";
const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65535;
/** In quotes, too: protobuf's JSON takes that. */
const digits = z.pipe(z.string().check(z.regex(/^[0-9]+$/)), z.transform(Number));
const port = value(z.union([z.number(), digits]).check(z.refine(isPort, NO_PORT)), NO_PORT);
const text = value(z.string(), "must be a text");
const tags = value(
  z.record(
    z.string(),
    z.union([z.string(), unfilled], { error: "must be a text, in quotes where it looks like a number" }),
  ),
  "must be a table of tags",
);
const names = value(
  z.array(z.union([z.string(), unfilled], { error: "must be the name of a service" })),
  "must be a list of names",
);

function list<T extends z.core.$ZodType>(item: T) {
  return value(z.array(item), "must be a list");
}

const inbound = z.looseObject({ port, servicePort: port, address: text, serviceAddress: text, tags });
const outbound = z.looseObject({ port, tags, service: text, backendRef: z.optional(z.unknown()) });
const backend = z.looseObject({ kind: text, name: text, namespace: text, labels: tags });

const transparentProxying = z.looseObject({
  redirectPortInbound: port,
  redirectPortOutbound: port,
  ipFamilyMode: text,
  directAccessServices: names,
  reachableServices: names,
  reachableBackends: value(z.looseObject({ refs: list(backend) }), "must be a table with refs, a list"),
});

const networking = z.looseObject({
  address: text,
  inbound: list(inbound),
  outbound: list(outbound),
  gateway: value(z.looseObject({ type: text, tags }), "must be a table"),
  transparentProxying: value(transparentProxying, "must be a table"),
  admin: value(z.looseObject({ port }), "must be a table"),
});

/** As Kuma has it, or with `spec` around, as Kubernetes. */
export const resource = z.looseObject({
  networking: z.optional(networking),
  spec: z.nullish(z.looseObject({ networking: z.optional(networking) })),
});

/**
 * What is wrong, by path. Of a value that may also be a placeholder, what is wrong inside of it, where it is of the right kind.
 */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  path: readonly PropertyKey[] = [],
): Problem[] {
  return issues.flatMap((issue) => {
    const here = [...path, ...issue.path];
    const inside =
      issue.code === "invalid_union" ? issue.errors.flat().filter((each) => each.path.length > 0) : [];
    if (inside.length > 0) return problemsOf(inside, here);
    return [{ path: here.filter((key) => key !== "spec").join("."), message: issue.message }];
  });
}

interface Problem {
  readonly path: string;
  readonly message: string;
}

export type Networking = z.infer<typeof networking>;
export type TransparentProxying = z.infer<typeof transparentProxying>;

export const TRANSPARENT_PROXYING_KEYS: readonly string[] = Object.keys(transparentProxying.shape);
