// SPDX-License-Identifier: Apache-2.0
import { open } from "node:fs/promises";
import { describeError, systemErrorCode } from "../../core/errors.ts";
import { quote } from "../values.ts";
import type { ConfigSource } from "./config-sources.ts";

/** 100 000 ranges take 3 MiB; what is larger is not a configuration, and would take its time to be refused. */
const LARGEST = 4 * 1024 * 1024;

export interface SourceText {
  /** How messages call it. */
  readonly name: string;
  readonly text: string;
}

/** Why there is no text, as a sentence. */
export interface Unreadable {
  readonly name: string;
  readonly problem: string;
}

/** Reads the text of a source: UTF-8, up to 4 MiB. */
export async function readSource(
  source: ConfigSource,
  stdin: () => AsyncIterable<Uint8Array | string>,
): Promise<SourceText | Unreadable> {
  const name = source.kind === "file" ? source.path : source.kind === "stdin" ? "stdin" : source.flag;
  try {
    if (source.kind === "text") return toText(name, Buffer.from(source.text));
    const bytes = source.kind === "stdin" ? await readAll(stdin()) : await readFile(source.path);
    return toText(name, bytes);
  } catch (error) {
    return { name, problem: `cannot be read: ${explain(error)}` };
  }
}

async function readFile(path: string): Promise<Buffer> {
  await using file = await open(path);
  // As a stream: what has no size before it is read (a pipe, /dev/zero) is cut off as well.
  return await readAll(file.createReadStream({ autoClose: false, end: LARGEST }));
}

async function readAll(stream: AsyncIterable<Uint8Array | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    size += bytes.length;
    if (size > LARGEST) break;
  }
  return Buffer.concat(chunks);
}

function toText(name: string, bytes: Buffer): SourceText | Unreadable {
  if (bytes.length > LARGEST) return { name, problem: `is larger than ${LARGEST >> 20} MiB` };
  const nul = bytes.indexOf(0);
  if (nul >= 0) return { name, problem: `is not a text: there is a NUL byte in line ${lineAt(bytes, nul)}` };
  try {
    return { name, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { name, problem: "is not a text: it is not UTF-8" };
  }
}

function lineAt(bytes: Buffer, offset: number): number {
  return bytes.subarray(0, offset).filter((byte) => byte === 10).length + 1;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of its path is not a directory",
  ELOOP: "its symbolic links go round in circles",
  ENAMETOOLONG: "its name is too long",
  ERR_INVALID_ARG_VALUE: "its name holds a NUL byte",
};

function explain(error: unknown): string {
  return REASONS[systemErrorCode(error) ?? ""] ?? quote(describeError(error));
}
