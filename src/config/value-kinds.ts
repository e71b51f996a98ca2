// SPDX-License-Identifier: Apache-2.0
import { IPTABLES_EXECUTABLES } from "./config.ts";
import type { ValueKind } from "./setting.ts";

/** How values of a kind are written: in words for the reference page, and as JSON schema. */
export interface KindDescription {
  readonly words: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

const PORT_TEXT = "^[1-9][0-9]{0,4}$";
const PORT_NUMBER = { type: "integer", minimum: 1, maximum: 65_535 };
const TEXT = { type: "string" };
const TEXTS = { type: "array", items: TEXT };
const NUMBER_TEXT = { type: "string", pattern: "^(0|[1-9][0-9]*)$" };

export const VALUE_KINDS: Readonly<Record<ValueKind, KindDescription>> = {
  boolean: {
    words: "true or false",
    schema: {
      anyOf: [
        { type: "boolean" },
        { enum: ["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"] },
      ],
    },
  },
  port: { words: "port", schema: { anyOf: [PORT_NUMBER, { type: "string", pattern: PORT_TEXT }] } },
  number: { words: "whole number", schema: { anyOf: [{ type: "integer", minimum: 0 }, NUMBER_TEXT] } },
  ports: {
    words: "list of ports",
    schema: { anyOf: [{ type: "array", items: { anyOf: [PORT_NUMBER, TEXT] } }, PORT_NUMBER, TEXT] },
  },
  text: { words: "text", schema: TEXT },
  path: { words: "path", schema: TEXT },
  user: { words: "user name or UID", schema: { anyOf: [TEXT, { type: "integer", minimum: 0 }] } },
  mode: {
    words: "dualstack or ipv4",
    schema: { type: "string", pattern: "^([dD][uU][aA][lL][sS][tT][aA][cC][kK]|[iI][pP][vV]4)$" },
  },
  engine: { words: "ebpf, iptables or auto", schema: { enum: ["", "auto", "ebpf", "iptables"] } },
  proxyDown: { words: "refuse or bypass", schema: { enum: ["refuse", "bypass"] } },
  addresses: { words: "list of addresses", schema: { anyOf: [TEXTS, TEXT] } },
  prefixes: { words: "list of addresses and prefixes", schema: { anyOf: [TEXTS, TEXT] } },
  rules: {
    words: "list of [[PROTOCOL:]PORTS:]UIDS",
    schema: {
      anyOf: [
        { type: "array", items: { anyOf: [TEXT, { type: "integer", minimum: 0 }] } },
        { type: "integer", minimum: 0 },
        TEXT,
      ],
    },
  },
  networks: { words: "list of INTERFACE:PREFIX", schema: { anyOf: [TEXTS, TEXT] } },
  executables: {
    words: "table of paths by name",
    schema: {
      anyOf: [
        {
          type: "object",
          properties: Object.fromEntries(IPTABLES_EXECUTABLES.map((name) => [name, TEXT])),
          additionalProperties: false,
        },
        TEXTS,
        TEXT,
      ],
    },
  },
  duration: { words: "duration (2s, 500ms)", schema: { anyOf: [TEXT, { const: 0 }] } },
};
