// SPDX-License-Identifier: Apache-2.0
/*
 * Writes src/bpf/layouts.gen.ts: the structs and enums that TypeScript shares with the BPF programs, read from
 * the BTF of the object. Their names begin with "tp_".
 *   node scripts/gen-layouts.ts [--check] [object.bpf.o] [layouts.gen.ts]
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { readSections } from "../src/bpf/elf.ts";
import { type BtfType, renderLayouts } from "./render-layouts.ts";

const OBJECT = "dist/bpf/tproxy.bpf.o";
const RESULT = "src/bpf/layouts.gen.ts";

function main(args: readonly string[]): number {
  const [object = OBJECT, result = RESULT] = args.filter((argument) => !argument.startsWith("--"));
  const marks = [renderMark(object, "abi"), renderMark(object, "state")].join("");
  const text = `${renderLayouts(readBtf(object))}\n${marks}`;
  if (!args.includes("--check")) {
    writeFileSync(result, text);
    return 0;
  }
  if (readFileSync(result, "utf8") === text) return 0;
  process.stderr.write(`${result} is not that of ${object}: run node scripts/gen-layouts.ts\n`);
  return 1;
}

function readBtf(object: string): readonly BtfType[] {
  const json = execFileSync("bpftool", ["--json", "btf", "dump", "file", object], { encoding: "utf8" });
  return (JSON.parse(json) as { readonly types: readonly BtfType[] }).types;
}

/** What the loader wants to find in the section of the same name: bpf/Makefile says what it is made of. */
function renderMark(object: string, name: "abi" | "state"): string {
  const section = readSections(readFileSync(object), object).get(`tproxyctl.${name}`);
  if (section === undefined) throw new Error(`${object} has no section tproxyctl.${name}`);
  const text = Buffer.from(section).toString("latin1").replace(/\0$/, "");
  return `export const OBJECT_${name.toUpperCase()} = ${JSON.stringify(text)};\n`;
}

process.exitCode = main(argv.slice(2));
