// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
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

/**
 * Reads the text of a source: UTF-8, up to 4 MiB.
 *
 * @param mark what becomes of a byte order mark: of a text that is written again it is a part
 */
export async function readSource(
  source: ConfigSource,
  stdin: () => AsyncIterable<Uint8Array | string>,
  mark: "drop" | "keep" = "drop",
): Promise<SourceText | Unreadable> {
  const name = source.kind === "file" ? source.path : source.kind === "stdin" ? "stdin" : source.flag;
  try {
    if (source.kind === "text") return toText(name, Buffer.from(source.text), mark);
    const bytes = source.kind === "stdin" ? await readAll(stdin()) : await readFile(source.path);
    return toText(name, bytes, mark);
  } catch (error) {
    return { name, problem: `cannot be read: ${explain(error)}` };
  }
}

/** What has no size before it is read (a pipe, /dev/zero) is cut off as well. */
async function readFile(path: string): Promise<Buffer> {
  // Opening a pipe that nobody writes to would otherwise never end.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return (await file.stat()).isFIFO()
    ? await readPipe(file)
    : await readAll(file.createReadStream({ autoClose: false, end: LARGEST }));
}

/** `--config <(…)` waits for what is written; a pipe that nobody writes to is not waited for for ever. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 10;

async function readPipe(file: FileHandle): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (let waited = 0; waited < PATIENCE_MS; ) {
    const chunk = await readChunk(file);
    if (chunk === undefined || (chunk.length === 0 && size === 0)) {
      await setTimeout(PAUSE_MS);
      waited += PAUSE_MS;
      continue;
    }
    chunks.push(chunk);
    size += chunk.length;
    if (chunk.length === 0 || size > LARGEST) return Buffer.concat(chunks);
    waited = 0;
  }
  throw new SilentPipe();
}

class SilentPipe extends Error {
  override readonly message = `it is a pipe, and nothing was written to it for ${PATIENCE_MS / 1000} seconds`;
}

/** Empty: nobody has it open for writing. Undefined: somebody has, and there is nothing yet. */
async function readChunk(file: FileHandle): Promise<Buffer | undefined> {
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(65_536), 0, 65_536, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (systemErrorCode(error) === "EAGAIN") return undefined;
    throw error;
  }
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

function toText(name: string, bytes: Buffer, mark: "drop" | "keep"): SourceText | Unreadable {
  if (bytes.length > LARGEST) return { name, problem: `is larger than ${LARGEST >> 20} MiB` };
  const nul = bytes.indexOf(0);
  if (nul >= 0) return { name, problem: `is not a text: there is a NUL byte in line ${lineAt(bytes, nul)}` };
  try {
    return {
      name,
      text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: mark === "keep" }).decode(bytes),
    };
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
  if (error instanceof SilentPipe) return error.message;
  return REASONS[systemErrorCode(error) ?? ""] ?? quote(describeError(error));
}
