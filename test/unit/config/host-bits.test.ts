import { expect, test } from "vitest";
import { read } from "./support.ts";

const NOTE = "has bits behind its length and is read as";

test.each<[string, string[], Record<string, string>, string[]]>([
  [
    "a flag",
    ["--exclude-outbound-ips=10.0.0.5/8"],
    {},
    [`--exclude-outbound-ips: "10.0.0.5/8" ${NOTE} 10.0.0.0/8`],
  ],
  [
    "IPv6",
    ["--exclude-inbound-ips=fd00::1/64"],
    {},
    [`--exclude-inbound-ips: "fd00::1/64" ${NOTE} fd00::/64`],
  ],
  [
    "a network of an interface, with the interface's address",
    ["--vnet=docker0:172.17.0.1/16"],
    {},
    [`--vnet: "172.17.0.1/16" ${NOTE} 172.17.0.0/16`],
  ],
  [
    "a variable",
    [],
    { KUMA_TRANSPARENT_PROXY_REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_IPS: "10.0.0.1, 10.0.0.7/31" },
    [`KUMA_TRANSPARENT_PROXY_REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_IPS: "10.0.0.7/31" ${NOTE} 10.0.0.6/31`],
  ],
  [
    "a file",
    ["--config=redirect: {outbound: {excludePortsForIPs: [10.0.0.0/8, 0.0.0.1/0]}}"],
    {},
    [`--config:redirect.outbound.excludePortsForIPs (line 1): "0.0.0.1/0" ${NOTE} 0.0.0.0/0`],
  ],
  ["none", ["--exclude-outbound-ips=10.0.0.0/8,10.0.0.1,10.0.0.1/32,fd00::1", "--vnet=a:10.0.0.0/8"], {}, []],
])("a prefix with host bits is a note with its place: %s", async (_title, words, variables, expected) => {
  const { notes, resolved } = await read(words, variables);
  expect(resolved).toBeDefined();
  expect(notes).toEqual(expected);
});

test("after ten, the user knows", async () => {
  const many = Array.from({ length: 100 }, (_, index) => `10.0.${index}.1/24`).join(",");
  expect((await read([`--exclude-outbound-ips=${many}`])).notes).toHaveLength(10);
});
