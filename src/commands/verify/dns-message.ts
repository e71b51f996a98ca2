// SPDX-License-Identifier: Apache-2.0
import { randomInt } from "node:crypto";

/* RFC 1035, section 4.1. */

const HEADER_SIZE = 12;
const RECURSION_DESIRED = 0x0100;
const IS_ANSWER = 0x8000;
const NAME_ERROR = 3;
const TYPE_A = 1;
const CLASS_IN = 1;

/** No server knows a name below .invalid (RFC 6761). Who reads a server's log sees who asked. */
const NAME = Buffer.concat([
  ...["tproxyctl-verify", "invalid"].flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]),
  Buffer.of(0),
]);

const MARK = Buffer.from("answered by tproxyctl verify");

/** A query with a random number. */
export function makeQuery(): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt16BE(randomInt(0x10000), 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, NAME, Buffer.of(0, TYPE_A, 0, CLASS_IN)]);
}

/**
 * Says of our own name that nobody has it, with a mark behind the message. Undefined for any other query: what other
 * programs ask meanwhile is nothing that we may answer.
 */
export function answerTo(query: Buffer): Buffer | undefined {
  if (query.length < HEADER_SIZE || isAnswer(query) || !query.includes(NAME)) return undefined;
  const answer = Buffer.from(query);
  answer.writeUInt16BE(query.readUInt16BE(2) | IS_ANSWER | NAME_ERROR, 2);
  return Buffer.concat([answer, MARK]);
}

export function isAnswerTo(query: Buffer, message: Buffer): boolean {
  if (message.length < HEADER_SIZE) return false;
  return message.readUInt16BE(0) === query.readUInt16BE(0) && isAnswer(message);
}

/** Whether `answerTo` made it. */
export function isMarked(answer: Buffer): boolean {
  return answer.subarray(-MARK.length).equals(MARK);
}

function isAnswer(message: Buffer): boolean {
  return (message.readUInt16BE(2) & IS_ANSWER) !== 0;
}
