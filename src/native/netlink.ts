// SPDX-License-Identifier: Apache-2.0
import { closeSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";
import { check, ERRNO, syscallError } from "./errno.ts";
import { libc } from "./libc.ts";
import { setsockopt, socket } from "./sockets.ts";

/** The protocols of <linux/netlink.h>. */
export const NETLINK = { route: 0, sock_diag: 4, netfilter: 12 } as const;

/** Flags of a request that makes something (NLM_F_*); `exclusive` fails with EEXIST where it is there already. */
export const NLM_F = { exclusive: 0x200, create: 0x400 } as const;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;
const SOL_NETLINK = 270;
const NETLINK_GET_STRICT_CHK = 12;
const HEADER_SIZE = 16;
/** More than one part of a dump has. */
const DUMP_SIZE = 65_536;
/** More than enough: a dump takes less than what changes it. */
const DUMP_ATTEMPTS = 100;
/** A header and an errno. The request, which an error repeats behind them, is cut off. */
const ACK_SIZE = 32;

/** One request: its type, its flags besides REQUEST and ACK, and what follows the header (whole words of 32 bits). */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
}

/** Requests in their order, between the two messages that begin and end them. */
export interface Batch {
  readonly begin: NetlinkRequest;
  readonly requests: readonly NetlinkRequest[];
  readonly end: NetlinkRequest;
}

/** A netlink socket in this thread's network namespace; the namespace stays that of the socket. */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #name: string;

  /** Throws SYSCALL_FAILED: EPROTONOSUPPORT where the kernel lacks the protocol. */
  constructor(protocol: keyof typeof NETLINK) {
    this.#name = `${protocol} netlink`;
    this.#fd = socket(AF_NETLINK, SOCK_RAW, NETLINK[protocol]);
  }

  /**
   * Has the kernel take what a dump's request says for a filter (NETLINK_GET_STRICT_CHK). Before Linux 4.20 it cannot,
   * and a dump has more than was asked for.
   */
  filterDumps(): void {
    try {
      setsockopt(this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, Uint8Array.of(1, 0, 0, 0));
    } catch (cause) {
      if (!(cause instanceof TproxyError) || cause.errno !== ERRNO.ENOPROTOOPT) throw cause;
    }
  }

  /**
   * All objects of a kind: their messages, without headers. Begins again where the kernel says that they changed on the
   * way. Throws SYSCALL_FAILED, also where they change all the time.
   */
  dump(type: number, body: Uint8Array): Buffer[] {
    for (let attempt = 1; attempt <= DUMP_ATTEMPTS; attempt++) {
      const bodies = this.#dumpOnce(type, body);
      if (bodies !== undefined) return bodies;
    }
    const what = `${this.#name} request ${type}: what it lists changes all the time`;
    throw new TproxyError("SYSCALL_FAILED", what, {
      hint: "Try again when no other program changes this network namespace.",
    });
  }

  /** Undefined where something may be missing, or be there twice. */
  #dumpOnce(type: number, body: Uint8Array): Buffer[] | undefined {
    this.#send(message({ type, flags: NLM_F_DUMP, body }, 0), `request ${type}`);
    const bodies: Buffer[] = [];
    for (let interrupted = false; ; ) {
      for (const answer of this.#receive(Buffer.alloc(DUMP_SIZE), `answer to ${type}`)) {
        interrupted ||= (answer.flags & NLM_F_DUMP_INTR) !== 0;
        if (answer.type !== NLMSG_DONE && answer.type !== NLMSG_ERROR) bodies.push(answer.body);
        else {
          // What goes wrong once the kernel has begun is told at the end.
          const errno = -answer.body.readInt32LE(0);
          if (errno !== 0) throw syscallError(`${this.#name} request ${type}`, errno);
          return interrupted ? undefined : bodies;
        }
      }
    }
  }

  /**
   * Sends requests with one system call and waits for what became of each: 0 or an errno, in the same order. The
   * answers must fit into the socket's receive buffer, whose usual size is enough for more than 100 short ones.
   * Throws SYSCALL_FAILED for EPERM: netfilter then answers the first one alone.
   */
  requestAll(requests: readonly NetlinkRequest[]): number[] {
    const acknowledged = requests.map((request, index) =>
      message({ ...request, flags: request.flags | NLM_F_ACK }, index),
    );
    this.#send(Buffer.concat(acknowledged), `${requests.length} requests`);
    const chunk = Buffer.alloc(ACK_SIZE);
    const results = new Array<number>(requests.length).fill(-1);
    for (let missing = requests.length; missing > 0; ) {
      for (const answer of this.#receive(chunk, `answer to ${requests.length} requests`)) {
        if (answer.type !== NLMSG_ERROR || results[answer.sequence] !== -1)
          throw new TproxyError("INTERNAL", `${this.#name} answered what was not asked: ${answer.type}`);
        const errno = Math.abs(answer.body.readInt32LE(0));
        if (errno === ERRNO.EPERM) throw syscallError(`${this.#name} request`, errno);
        results[answer.sequence] = errno;
        missing--;
      }
    }
    return results;
  }

  /** The answer to a question that has one message for an answer, without header. */
  get(type: number, body: Uint8Array): Buffer {
    const what = `${this.#name} request ${type}`;
    this.#send(message({ type, flags: 0, body }, 0), `request ${type}`);
    for (const answer of this.#receive(Buffer.alloc(DUMP_SIZE), `answer to ${type}`)) {
      if (answer.type === NLMSG_ERROR) throw syscallError(what, -answer.body.readInt32LE(0));
      return answer.body;
    }
    throw new TproxyError("INTERNAL", `${what} has an answer that cannot be read`);
  }

  /**
   * Sends a batch of netfilter's: all of its requests take effect, or none. Use the socket for nothing else afterwards:
   * where the batch is refused, answers may be left in it.
   *
   * @returns 0, or the errno of the first request that was refused or of the batch as a whole
   */
  commit(batch: Batch): number {
    const last = batch.requests.length + 1;
    const messages = [
      message(batch.begin, 0),
      ...batch.requests.map((request, index) =>
        message({ ...request, flags: request.flags | NLM_F_ACK }, index + 1),
      ),
      message(batch.end, last),
    ];
    this.#send(Buffer.concat(messages), "batch");
    const chunk = Buffer.alloc(ACK_SIZE);
    for (let missing = batch.requests.length; missing > 0; missing--) {
      for (const answer of this.#receive(chunk, "answer to a batch")) {
        const errno = Math.abs(answer.body.readInt32LE(0));
        if (errno !== 0) return errno;
      }
    }
    return 0;
  }

  #send(bytes: Buffer, what: string): void {
    check(libc().send(this.#fd, bytes, bytes.length, 0), `${this.#name} ${what}`);
  }

  #receive(chunk: Buffer, what: string): Iterable<Answer> {
    const length = check(libc().recv(this.#fd, chunk, chunk.length, 0), `${this.#name} ${what}`);
    return answers(chunk.subarray(0, length));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Asks rtnetlink for all objects of a kind, in this thread's network namespace: their messages, without headers. */
export function dumpRoute(type: number, body: Uint8Array): Buffer[] {
  using route = new NetlinkSocket("route");
  return route.dump(type, body);
}

function message({ type, flags, body }: NetlinkRequest, sequence: number): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(body, HEADER_SIZE);
  return bytes;
}

interface Answer {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

function* answers(chunk: Buffer): Generator<Answer> {
  for (let at = 0; at + HEADER_SIZE <= chunk.length; ) {
    const length = chunk.readUInt32LE(at);
    if (length < HEADER_SIZE) return;
    const body = chunk.subarray(at + HEADER_SIZE, at + length);
    const [type, flags] = [chunk.readUInt16LE(at + 4), chunk.readUInt16LE(at + 6)];
    yield { type, flags, sequence: chunk.readUInt32LE(at + 8), body };
    at += Math.ceil(length / 4) * 4;
  }
}
