// What is sent: a stream of bytes that is different for each seed and at each place, so that nothing can be lost,
// doubled or mixed up without its checksum changing.

import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";

/** Of what the server says after a half-close. */
export const ANSWER_SEED = 5;

const CHUNK = 256 * 1024;

const NOISE = Buffer.alloc(CHUNK);
for (let i = 0, x = 1; i < CHUNK; i += 4) {
  x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
  NOISE.writeUInt32LE(x, i);
}

export interface Digest {
  readonly bytes: number;
  readonly sha1: string;
}

/** Checks what passes, in either direction. */
export class Digester {
  readonly #hash = createHash("sha1");
  #bytes = 0;

  add(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  digest(): Digest {
    return { bytes: this.#bytes, sha1: this.#hash.digest("hex") };
  }
}

/** `bytes` bytes of content. Each chunk has its number and the seed in it. */
export function content(seed: number, bytes: number, digester?: Digester): Readable {
  return Readable.from(chunks(seed, bytes, digester), { objectMode: false, highWaterMark: 2 * CHUNK });
}

function* chunks(seed: number, bytes: number, digester?: Digester): Generator<Buffer> {
  for (let sent = 0; sent < bytes; sent += CHUNK) {
    const chunk = Buffer.from(NOISE);
    chunk.writeUInt32LE(seed >>> 0, 0);
    chunk.writeUInt32LE(sent / CHUNK, 4);
    const part = chunk.subarray(0, Math.min(CHUNK, bytes - sent));
    digester?.add(part);
    yield part;
  }
}

/** Reads to the end. */
export async function digestOf(stream: Readable): Promise<Digest> {
  const digester = new Digester();
  const sink = new Writable({
    highWaterMark: 2 * CHUNK,
    write(chunk: Buffer, _encoding, done) {
      digester.add(chunk);
      done();
    },
  });
  await pipeline(stream, sink);
  return digester.digest();
}

/** Reads one half of a connection to its end, and leaves the other one open. */
export async function digestOfHalf(socket: Socket): Promise<Digest> {
  const digester = new Digester();
  socket.on("data", (chunk: Buffer) => digester.add(chunk));
  await finished(socket, { writable: false });
  return digester.digest();
}

/** Of what `content` yields. */
export function digestOfContent(seed: number, bytes: number): Digest {
  const digester = new Digester();
  for (const _ of chunks(seed, bytes, digester));
  return digester.digest();
}
