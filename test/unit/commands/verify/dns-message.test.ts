import { expect, test } from "vitest";
import { answerTo, isAnswerTo, isMarked, makeQuery } from "../../../../src/commands/verify/dns-message.ts";

test("a query of ours is answered, and the answer known", () => {
  const query = makeQuery();
  const answer = answerTo(query) ?? Buffer.alloc(0);
  expect({ isAnswer: isAnswerTo(query, answer), isMarked: isMarked(answer) }).toEqual({
    isAnswer: true,
    isMarked: true,
  });
  // NXDOMAIN, with the question in it.
  expect(answer.readUInt16BE(2) & 0x800f).toBe(0x8003);
  expect(answer.subarray(12, query.length)).toEqual(query.subarray(12));
});

test("nothing else is answered: others' queries, answers, what is too short", () => {
  const other = Buffer.from("0001010000010000000000000765786d61706c6503636f6d0000010001", "hex");
  const answer = answerTo(makeQuery()) ?? Buffer.alloc(0);
  for (const message of [other, answer, Buffer.alloc(5)]) expect(answerTo(message)).toBeUndefined();
});

test("an answer is to the query with its number, and of others unmarked", () => {
  const query = makeQuery();
  const other = Buffer.from(query);
  other.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
  other.writeUInt16BE(0x8180, 2);
  expect(isAnswerTo(query, other)).toBe(false);
  expect(isAnswerTo(query, query)).toBe(false);
  expect(isMarked(other)).toBe(false);
});
