// SPDX-License-Identifier: Apache-2.0
import { isAlias, isScalar, isSeq, type Node, type Scalar } from "yaml";
import type { ValueKind } from "../setting.ts";

/** What else is true and false in YAML 1.1, which kumactl reads. In YAML 1.2 these are words as any other. */
const TRUE = /^(y|yes|on)$/i;
const FALSE = /^(n|no|off)$/i;

/**
 * A value as it is written, for the reader of its kind. What no value of any kind looks like (a table, a list in a list)
 * becomes an empty object, which every reader refuses.
 */
export function toValue(node: Node, kind: ValueKind, follow: (alias: Node) => Node | undefined): unknown {
  if (isScalar(node)) return scalarValue(node, kind);
  if (!isSeq(node)) return {};
  return node.items.map((item) => {
    const target = isAlias(item) ? follow(item) : item;
    return isScalar(target) ? scalarValue(target, kind) : {};
  });
}

/**
 * A number whose digits YAML would read another way than they stand there (hexadecimal, leading zeros, a fraction) goes
 * on as those digits, for the reader to refuse and for the message to show.
 */
function scalarValue({ value, source, type }: Scalar, kind: ValueKind): unknown {
  if (kind === "boolean" && type === "PLAIN" && typeof value === "string") {
    return TRUE.test(value) ? true : FALSE.test(value) ? false : value;
  }
  if (typeof value === "number" || typeof value === "bigint") {
    return source === undefined || String(value) === source ? value : source;
  }
  return value;
}
