import { describe, expect, test } from "vitest";
import { cut, insert, parseDirect } from "../../../../../src/engine/iptables/firewalld/direct-xml.ts";

const FILE = `<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE direct>
<direct>
  <!-- theirs & mine -->
  <chain ipv="ipv4" table="raw" chain='a&quot;b'/>
  <rule ipv="ipv6" table="nat" chain="OUTPUT" priority="0">-d ::1 -m comment --comment &quot;&lt;&#x61;&#98;&gt;&quot; -j RETURN</rule>
  <passthrough ipv="eb"><![CDATA[-t nat <x>]]></passthrough>
</direct>
`;

function parse(text: string) {
  const document = parseDirect(text);
  if (document === undefined) throw new Error("it cannot be read");
  return document;
}

test("entries, with their attributes and contents", () => {
  expect(
    parse(FILE).entries.map(({ element, attributes, content }) => [element, attributes, content]),
  ).toEqual([
    ["#comment", {}, " theirs & mine "],
    ["chain", { ipv: "ipv4", table: "raw", chain: 'a"b' }, ""],
    [
      "rule",
      { ipv: "ipv6", table: "nat", chain: "OUTPUT", priority: "0" },
      '-d ::1 -m comment --comment "<ab>" -j RETURN',
    ],
    ["passthrough", { ipv: "eb" }, "-t nat <x>"],
  ]);
});

test.each([
  "<direct/>",
  "<direct></direct>",
  " <direct  />\n",
  FILE,
  FILE.replaceAll("\n", ""),
  `\uFEFF${FILE}`,
])("what is inserted into %j is found, and cut out leaves the rest as it was", (text) => {
  const before = parse(text);
  const after = parse(insert(before, ["<passthrough ipv='ipv4'>-N X</passthrough>", "<!-- y -->"]));
  expect(after.entries.slice(0, -2).map(({ content }) => content)).toEqual(
    before.entries.map(({ content }) => content),
  );
  expect(after.entries.slice(-2).map(({ content }) => content)).toEqual(["-N X", " y "]);
  const again = cut(after, after.entries.slice(-2));
  if (text === FILE) expect(again).toBe(text);
  expect(parse(again).entries.map(({ content }) => content)).toEqual(
    before.entries.map(({ content }) => content),
  );
});

test("an entry among others in a line takes nothing with it", () => {
  const text = "<direct> <chain a='1'/> <chain a='2'/> <chain a='3'/>\n</direct>";
  const document = parse(text);
  expect(cut(document, document.entries.slice(1, 2))).toBe(
    "<direct> <chain a='1'/>  <chain a='3'/>\n</direct>",
  );
});

describe("what is no direct configuration", () => {
  test.each([
    "",
    "text",
    "<zone/>",
    "<direct>",
    "<direct></zone>",
    "<direct><rule></direct></rule>",
    "<direct/><direct/>",
    "<direct/>text",
    "<direct><rule a=1/></direct>",
    "<direct><!-- </direct>",
    "<direct><rule x='<'/></direct>",
  ])("%j", (text) => {
    expect(parseDirect(text)).toBeUndefined();
  });
});
