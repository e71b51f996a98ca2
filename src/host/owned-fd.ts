// SPDX-License-Identifier: Apache-2.0
import { closeSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";

/** A file descriptor that is closed when it is disposed of. Its number cannot be had after that. */
export class OwnedFd implements Disposable {
  #fd: number;

  constructor(fd: number) {
    if (!Number.isInteger(fd) || fd < 0) throw new TproxyError("INTERNAL", `not a file descriptor: ${fd}`);
    this.#fd = fd;
  }

  /** The number. Throws when closed. */
  get fd(): number {
    if (this.#fd < 0) throw new TproxyError("INTERNAL", "use of a closed file descriptor");
    return this.#fd;
  }

  /** Closes it; again and again does no harm. */
  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) closeSync(fd);
  }
}
