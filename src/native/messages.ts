// SPDX-License-Identifier: Apache-2.0
import { libbpf, type PrintCallback } from "./libbpf.ts";
import { libc } from "./libc.ts";
import { koffi } from "./library.ts";

/** libbpf's levels. */
export const MESSAGE_LEVEL = { warning: 0, info: 1, debug: 2 } as const;

export type MessageLevel = keyof typeof MESSAGE_LEVEL;

/** Receives one message of libbpf, without the newline at its end. */
export type MessageSink = (message: string, level: MessageLevel) => void;

interface Capture {
  readonly sink: MessageSink;
  readonly most: number;
}

/** Who listens, the latest last: captures may nest, and the innermost one hears. */
const captures: Capture[] = [];
let callback: PrintCallback | undefined;

/**
 * Sends libbpf's messages up to `level` to `sink` until disposed. Without a capture libbpf is silent. A sink
 * that throws is ignored: an exception must not unwind through C.
 */
export function captureMessages(sink: MessageSink, level: MessageLevel = "info"): Disposable {
  const capture = { sink, most: MESSAGE_LEVEL[level] };
  callback ??= register();
  captures.push(capture);
  libbpf().libbpf_set_print(callback);
  return {
    [Symbol.dispose]() {
      const index = captures.indexOf(capture);
      if (index >= 0) captures.splice(index, 1);
      if (captures.length === 0) libbpf().libbpf_set_print(null);
    },
  };
}

function register(): PrintCallback {
  // Whatever can fail about the C library shall fail here, where it can be told.
  libc();
  const type = koffi().proto("int libbpf_print_fn(int level, void *format, void *args)");
  return koffi().register(deliver, koffi().pointer(type)) as PrintCallback;
}

const LEVELS = Object.keys(MESSAGE_LEVEL) as readonly MessageLevel[];

function deliver(number: number, format: bigint, list: bigint): number {
  try {
    const level = LEVELS[number];
    const capture = captures.at(-1);
    if (level !== undefined && capture !== undefined && number <= capture.most) {
      capture.sink(formatMessage(format, list).trimEnd(), level);
    }
  } catch {
    // See captureMessages: there is nobody to tell in the middle of a C function.
  }
  return 0;
}

const scratch = new Uint8Array(4096);

/** Formats with vsnprintf. The list is used up by the first pass, so a second one gets a copy of it. */
function formatMessage(format: bigint, list: bigint): string {
  const copy = copyOfList(list);
  let length = libc().vsnprintf(scratch, scratch.length, format, list);
  if (length >= scratch.length) {
    const whole = new Uint8Array(length + 1);
    length = libc().vsnprintf(whole, whole.length, format, copy);
    return Buffer.from(whole.buffer, 0, Math.max(length, 0)).toString();
  }
  return Buffer.from(scratch.buffer, 0, Math.max(length, 0)).toString();
}

/** Size of the struct behind a va_list where it is one that is passed by address; elsewhere it is a plain pointer. */
const VA_LIST_SIZES: Readonly<Record<string, number>> = { x64: 24, arm64: 32, s390x: 32 };

function copyOfList(list: bigint): bigint | Uint8Array {
  const size = VA_LIST_SIZES[process.arch];
  if (size === undefined) return list;
  const copy = new Uint8Array(size);
  libc().memcpy(copy, list, size);
  return copy;
}
