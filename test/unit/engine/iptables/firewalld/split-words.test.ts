import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { splitWords } from "../../../../../src/engine/iptables/firewalld/split-words.ts";

const TEXTS = [
  "",
  " -t  nat\t-A OUTPUT ",
  "-m comment --comment 'a b'",
  '-m comment --comment "a \\"b\\" \\\\ \\n \'"',
  "a'b'\"c\"d",
  "'!' -d ::1/128",
  "'' \"\" x",
  "a\\ b \\' \\\\",
  "'it'\"'\"'s'",
  "'open",
  '"open',
  '"open\\"',
  "open\\",
  "two\nlines",
];

test("as Python's shlex.split does it, which firewalld calls", () => {
  const program = `
import json, shlex, sys
def split(text):
    try: return shlex.split(text)
    except ValueError: return None
print(json.dumps([split(text) for text in json.load(sys.stdin)]))`;
  const { stdout, stderr } = spawnSync("python3", ["-c", program], {
    input: JSON.stringify(TEXTS),
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(TEXTS.map((text) => splitWords(text) ?? null)).toEqual(JSON.parse(stdout));
});
