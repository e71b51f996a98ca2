// SPDX-License-Identifier: Apache-2.0
import { createRequire } from "node:module";
import { type ErrorCode, TproxyError } from "../core/errors.ts";
import type { Pointer, PointerOrErrno } from "./pointer.ts";

type Koffi = typeof import("koffi");

let loaded: Koffi | undefined;

/** koffi, loaded at first use: it takes 10 ms that `--version` shall not pay. */
export function koffi(): Koffi {
  loaded ??= requireKoffi();
  return loaded;
}

function requireKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch (cause) {
    throw new TproxyError("LIBC_UNUSABLE", "cannot load the foreign function interface (koffi)", {
      cause,
      hint: "Install tproxyctl with its dependencies (npm install), for this architecture and C library.",
    });
  }
}

/** How a shared library is found, and what to tell the user where it is not. */
export interface LibrarySource {
  /** The name that the dynamic loader looks for; null for what this process has loaded already. */
  readonly name: string | null;
  readonly code: ErrorCode;
  readonly hint: string;
}

/** A shared library whose functions are declared by their C prototypes. */
export class Library {
  readonly #source: LibrarySource;
  readonly #handle: ReturnType<Koffi["load"]>;

  constructor(source: LibrarySource) {
    this.#source = source;
    try {
      this.#handle = koffi().load(source.name);
    } catch (cause) {
      if (cause instanceof TproxyError) throw cause;
      throw new TproxyError(source.code, `cannot load ${source.name}`, { cause, hint: source.hint });
    }
  }

  /** The function as C declares it. `F` must be what the prototype says. */
  func<F>(prototype: string): F {
    try {
      return this.#handle.func(prototype) as F;
    } catch (cause) {
      const { name, code, hint } = this.#source;
      throw new TproxyError(code, `${name ?? "the C library"} is not usable`, { cause, hint });
    }
  }

  /** A function that older versions of the library do not have. */
  optional<F>(prototype: string): F | undefined {
    try {
      return this.#handle.func(prototype) as F;
    } catch {
      return undefined;
    }
  }

  /** A function that says -1 and sets errno on failure; as wrapped here it says `-errno`. */
  negated<A extends readonly unknown[]>(prototype: string): (...args: A) => number {
    const call = this.func<(...args: A) => number | bigint>(prototype);
    const errno = koffi().errno;
    return (...args) => {
      const result = Number(call(...args));
      return result === -1 ? -errno() : result;
    };
  }

  /** A function that returns a pointer, or NULL and errno. */
  pointer<T extends string, A extends readonly unknown[]>(
    prototype: string,
  ): (...args: A) => PointerOrErrno<T> {
    const call = this.func<(...args: A) => Pointer<T> | null>(prototype);
    const errno = koffi().errno;
    return (...args) => {
      const result = call(...args);
      return result === null ? errno() : result;
    };
  }
}
