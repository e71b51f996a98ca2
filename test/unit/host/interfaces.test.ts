import { expect, test } from "vitest";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../../../src/core/address.ts";
import { toInterfaces, toLocalRoutes } from "../../../src/host/interfaces.ts";
import type { LinkAddress, Route } from "../../../src/native/rtnetlink.ts";

const link = (index: number, name: string) => ({ index, name, up: index !== 4, loopback: index === 1 });

function addressOn(index: number, text: string): LinkAddress {
  return { index, address: parseAddress(text) ?? expect.fail(`${text} is no address`) };
}

test("interfaces are in order, with their addresses as the kernel lists them", () => {
  const links = [link(300, "veth9"), link(4, "eth0"), link(1, "lo")];
  const addresses = [
    addressOn(4, "10.0.0.2"),
    addressOn(300, "10.0.0.3"),
    addressOn(4, "10.0.0.1"),
    addressOn(5, "10.0.0.5"),
    addressOn(4, "fe80::1"),
  ];
  const found = toInterfaces(links, addresses);
  expect(found.map((each) => ({ ...each, addresses: each.addresses.map(formatAddress) }))).toEqual([
    { index: 1, name: "lo", up: true, loopback: true, addresses: [] },
    { index: 4, name: "eth0", up: false, loopback: false, addresses: ["10.0.0.2", "10.0.0.1", "fe80::1"] },
    { index: 300, name: "veth9", up: true, loopback: false, addresses: ["10.0.0.3"] },
  ]);
});

test("local routes are local, broadcast or anycast, each once", () => {
  const route = ([type, text]: readonly [number, string]): Route => {
    return { table: 255, type, prefix: parsePrefix(text) ?? expect.fail(`${text} is no prefix`) };
  };
  const [unicast, local, broadcast, anycast, multicast, unreachable] = [1, 2, 3, 4, 5, 7] as const;
  const routes = [
    [local, "127.0.0.0/8"],
    [local, "192.0.2.2"],
    [local, "192.0.2.2"],
    [broadcast, "192.0.2.2"],
    [broadcast, "192.0.2.255"],
    [unreachable, "192.0.2.9"],
    [unicast, "192.0.2.10"],
    [local, "::1"],
    [anycast, "fd00::"],
    [multicast, "ff00::/8"],
    [local, "::/0"],
  ] as const;
  expect(
    toLocalRoutes(routes.map(route)).map(({ kind, prefix }) => `${kind} ${formatPrefix(prefix)}`),
  ).toEqual([
    "local 127.0.0.0/8",
    "local 192.0.2.2",
    "broadcast 192.0.2.2",
    "broadcast 192.0.2.255",
    "local ::1",
    "anycast fd00::",
    "local ::/0",
  ]);
});
