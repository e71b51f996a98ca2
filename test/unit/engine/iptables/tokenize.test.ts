import { describe, expect, test } from "vitest";
import { endsInQuotes, tokenize } from "../../../../src/engine/iptables/tokenize.ts";

// The quoting is that of xtables_save_string, and how it is read that of iptables-restore.
describe("a line is split as iptables-restore splits it", () => {
  test.each([
    ["-p tcp  -j\tRETURN", ["-p", "tcp", "-j", "RETURN"]],
    ["", []],
    ["  ", []],
    ['--comment "two words" -j X', ["--comment", "two words", "-j", "X"]],
    ['--comment "it\\\'s a \\"q\\" and a \\\\"', ["--comment", `it's a "q" and a \\`]],
    ['--comment ""', ["--comment", ""]],
    ['"a""b"', ["a", "b"]],
    ['"a"b', ["a", "b"]],
    ['a"b c"', ["ab c"]],
    ["it's", ["it's"]],
    ["a\\b \\", ["a\\b", "\\"]],
    ['"-j DROP"', ["-j DROP"]],
    ['"two\nlines"', ["two\nlines"]],
    ['"never closed', ["never closed"]],
  ])("%j", (text, tokens) => expect(tokenize(text)).toEqual(tokens));
});

test.each([
  ['-A X --comment "a', true],
  ['-A X --comment "a"', false],
  ['-A X --comment "a\\"', true],
  ["-A X", false],
])("%j ends between quotes: %s", (text, open) => expect(endsInQuotes(text)).toBe(open));
