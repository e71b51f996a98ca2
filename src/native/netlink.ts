// SPDX-License-Identifier: Apache-2.0
import { closeSync } from "node:fs";
import { check, syscallError } from "./errno.ts";
import { libc } from "./libc.ts";
import { socket } from "./sockets.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const HEADER_SIZE = 16;

/** Asks rtnetlink for all objects of a kind, in this thread's network namespace: their messages, without headers. */
export function dumpRoute(type: number, body: Uint8Array): Buffer[] {
  const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    const request = message(type, body);
    check(libc().send(fd, request, request.length, 0), `rtnetlink request ${type}`);
    return receive(fd, type);
  } finally {
    closeSync(fd);
  }
}

function message(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(HEADER_SIZE + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
  return Buffer.concat([header, body]);
}

function receive(fd: number, request: number): Buffer[] {
  const bodies: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const length = check(libc().recv(fd, chunk, chunk.length, 0), `rtnetlink answer to ${request}`);
    for (const { type, body } of messages(chunk.subarray(0, length))) {
      if (type === NLMSG_DONE) return bodies;
      if (type === NLMSG_ERROR) throw syscallError(`rtnetlink request ${request}`, -body.readInt32LE(0));
      bodies.push(body);
    }
  }
}

function* messages(chunk: Buffer): Generator<{ readonly type: number; readonly body: Buffer }> {
  for (let at = 0; at + HEADER_SIZE <= chunk.length; ) {
    const length = chunk.readUInt32LE(at);
    if (length < HEADER_SIZE) return;
    yield { type: chunk.readUInt16LE(at + 4), body: chunk.subarray(at + HEADER_SIZE, at + length) };
    at += Math.ceil(length / 4) * 4;
  }
}
