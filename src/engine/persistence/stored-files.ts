// SPDX-License-Identifier: Apache-2.0
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { describeError, systemErrorCode, TproxyError } from "../../core/errors.ts";
import type { Undo } from "../../core/undo.ts";
import { removeFile, replaceFile } from "../../host/replace-file.ts";
import { removeIfEmpty } from "../../host/run-directory.ts";

/** @throws TproxyError STORE_FAILED, as all that follow */
export function putFile(path: string, text: string, mode: number, undo: Undo): void {
  const before = readIfThere(path);
  undo.add(`putting back ${path}`, () => {
    if (readIfThere(path) === before) return; // it could not be written
    if (before === undefined) removeFile(path);
    else replaceFile(path, before, mode);
  });
  try {
    replaceFile(path, text, mode);
  } catch (cause) {
    throw failure(`cannot write ${path}: ${describeError(cause)}`, cause);
  }
}

export function makeDirectory(path: string, mode: number, undo: Undo): void {
  if (isThere(path)) return;
  try {
    mkdirSync(path, { mode });
  } catch (cause) {
    throw failure(`cannot make ${path}: ${describeError(cause)}`, cause);
  }
  undo.add(`removing ${path}`, () => removeIfEmpty(path));
}

/** Also a link that leads nowhere. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return undefined;
    throw failure(`cannot read ${path}: ${describeError(cause)}`, cause);
  }
}

export function failure(message: string, cause: unknown): TproxyError {
  return new TproxyError("STORE_FAILED", message, { cause });
}
