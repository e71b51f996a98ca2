// SPDX-License-Identifier: Apache-2.0
import { closeSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";

/**
 * A file descriptor that is closed when it is disposed of. Its number cannot be had after that: by then it may be
 * that of another file. A borrowed one is somebody else's to close.
 */
export class Descriptor implements Disposable {
  #fd: number;
  readonly owned: boolean;

  constructor(fd: number, { owned = true } = {}) {
    if (!Number.isInteger(fd) || fd < 0) throw new TproxyError("INTERNAL", `not a file descriptor: ${fd}`);
    this.#fd = fd;
    this.owned = owned;
  }

  /** The number. Throws when closed. */
  get fd(): number {
    if (this.#fd < 0) throw new TproxyError("INTERNAL", "use of a closed file descriptor");
    return this.#fd;
  }

  /** Closes an owned descriptor and forgets a borrowed one; again and again does no harm. */
  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0 && this.owned) closeSync(fd);
  }
}
