import { expect, test } from "vitest";
import { parseExecutables } from "../../../src/config/executables.ts";

function read(text: string) {
  const problems: string[] = [];
  const value = parseExecutables(text, (message) => problems.push(message));
  return { value, problems };
}

const IPV4 = "iptables:/a/b c,iptables-save:/a:b, iptables-restore : /c";
const IPV6 = "ip6tables:/6,ip6tables-save:/6s,ip6tables-restore:/6r";

test.each([
  ["", {}],
  [IPV4, { iptables: "/a/b c", "iptables-save": "/a:b", "iptables-restore": "/c" }],
  [IPV6, { ip6tables: "/6", "ip6tables-save": "/6s", "ip6tables-restore": "/6r" }],
  [`${IPV6},ip6tables:/6`, { ip6tables: "/6", "ip6tables-save": "/6s", "ip6tables-restore": "/6r" }],
])("executables: %j", (text, expected) => {
  expect(read(text)).toEqual({ value: expected, problems: [] });
});

test("both families", () => {
  expect(Object.keys(read(`${IPV4},${IPV6}`).value)).toHaveLength(6);
});

test.each([
  [`${IPV4},iptables-nft:/x`, /"iptables-nft" is not one of the executables iptables, /],
  [`${IPV4},__proto__:/x`, /"__proto__" is not one/],
  [`${IPV4},`, /"" is not one/],
  [`${IPV4},iptables:/other`, /iptables is given twice: "\/a\/b c" and "\/other"/],
  [IPV6.replace("/6s", ""), /ip6tables-save has no path: write ip6tables-save:\/usr\/sbin\/ip6tables-save/],
  [IPV6.replace(":/6s", ""), /ip6tables-save has no path/],
  [IPV6.replace("/6s", "bin/x"), /"bin\/x", is not absolute/],
  [IPV6.replace("/6s", "-x"), /"-x", is not absolute/],
  [IPV6.replace("/6s", "/6\\ns").replace("\\n", "\n"), /control characters/],
  ["iptables:/a", /iptables-save and iptables-restore are missing: give all three of iptables, or none/],
  [IPV4.replace("iptables:/a/b c,", ""), /^iptables is missing/],
])("are refused with the reason: %j", (text, reason) => {
  expect(read(text).problems).toEqual([expect.stringMatching(reason)]);
});
