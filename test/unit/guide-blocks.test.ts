import { describe, expect, test } from "vitest";
import { fitsOutput, guideCommands } from "../support/guide-blocks.ts";

test("commands of console blocks, in their order, with what they show", () => {
  const guide = [
    "```sh",
    "host# not this",
    "```",
    "```console",
    "host# cat > a <<'END'",
    "host# inside",
    "END",
    "host# one \\",
    "  two",
    "# output",
    "",
    "client$ three",
    "```",
    "```console fails",
    "host# four",
    "```",
  ].join("\n");
  expect(guideCommands(guide)).toEqual([
    { prompt: "host#", text: "cat > a <<'END'\nhost# inside\nEND", output: [], fails: false, line: 5 },
    { prompt: "host#", text: "one \\\n  two", output: ["# output", ""], fails: false, line: 8 },
    { prompt: "client$", text: "three", output: [], fails: false, line: 12 },
    { prompt: "host#", text: "four", output: [], fails: true, line: 15 },
  ]);
  expect(() => guideCommands("```console\nls\n```")).toThrow("line 2: a command was expected: ls");
  expect(() => guideCommands("```console\nhost# ls")).toThrow("line 1: the block has no end");
});

describe("output", () => {
  test.each([
    [["a", "b"], ["a", "b"], true],
    [["a"], ["a", "b"], false],
    [["a", "b"], ["a"], false],
    [[], ["a"], false],
    [["…"], [], true],
    [["…", "b"], ["a", "a", "b"], true],
    [["…", "b"], ["a", "b", "c"], false],
    [["a … (c)"], ["a b (c)"], true],
    [["a … (c)"], ["a b c"], false],
    [["a.c"], ["abc"], false],
  ])("%j shows %j: %j", (shown, lines, fits) => {
    expect(fitsOutput(shown, lines)).toBe(fits);
  });
});
