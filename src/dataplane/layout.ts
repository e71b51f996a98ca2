// SPDX-License-Identifier: Apache-2.0
import { isScalar } from "yaml";
import { indentOf, lineStart } from "./extent.ts";
import { startOf, toReadPair } from "./read.ts";
import type { Layout } from "./section-text.ts";
import type { Task } from "./task.ts";

/** How `networking` is written: what is added looks like what is there. */
export function layoutOf({
  file: { source },
  dataplane: { networking },
}: Pick<Task, "file" | "dataplane">): Layout {
  const { text } = source;
  const { key, value } = networking;
  const first = value.items.map(toReadPair)[0];
  const indent = first === undefined ? undefined : indentOf(text, startOf(first.key));
  const above = /^[ \t]*/.exec(text.slice(lineStart(text, startOf(key)), startOf(key)))?.[0] ?? "";
  const step = indent?.startsWith(above) === true ? indent.slice(above.length) : "";
  return {
    indent,
    step: step === "" ? "  " : step,
    newline: /\r?\n/.exec(text)?.[0] === "\r\n" ? "\r\n" : "\n",
    quoted: isScalar(key) && key.type === "QUOTE_DOUBLE",
  };
}
