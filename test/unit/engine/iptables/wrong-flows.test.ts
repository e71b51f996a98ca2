import { describe, expect, test } from "vitest";
import { formatEndpoint, parseAddress, parsePrefix, prefixContains } from "../../../../src/core/address.ts";
import { findRedirected, findWrong } from "../../../../src/engine/iptables/wrong-flows.ts";
import type { Endpoint } from "../../../../src/host/tcp-sockets.ts";
import type { UdpFlow } from "../../../../src/host/udp-flows.ts";
import type { UdpSocket } from "../../../../src/host/udp-sockets.ts";
import { samplePlan } from "../../../support/plan-samples.ts";

const NETWORKS = ["br1:10.66.1.0/24", "br1:fd66:1::/64"];
const LOCAL = ["127.0.0.0/8", "10.66.0.1", "10.66.1.1", "10.66.2.1", "::1", "fd66::1", "fd66:1::1"];
/** Those of the rules, and of the rules before. */
const PORTS = new Set([15053, 25053]);

/** "10.66.1.2:4000 > 10.66.0.2:53", and where it is redirected: " = 127.0.0.1:15053". */
function flow(text: string): UdpFlow {
  const [from = "", to = "", answeredBy = to] = text.split(/ [>=] /).map((each) => each.trim());
  return {
    from: endpoint(from),
    to: endpoint(to),
    answeredBy: endpoint(answeredBy),
    forget: { type: 0, flags: 0, body: new Uint8Array() },
  };
}

function endpoint(text: string): Endpoint {
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined) throw new Error(text);
  return { address, port: Number(port) };
}

/** "1000 0.0.0.0:4000 > 0.0.0.0:0": user, both ends. */
function socket(text: string): UdpSocket {
  const [uid, local = "", , remote = ""] = text.split(" ");
  const ends = { local: endpoint(local), remote: endpoint(remote) };
  return { ...ends, uid: Number(uid), inode: 1, cgroupId: undefined, handle: undefined };
}

function host(sockets: readonly string[] = []) {
  const prefixes = LOCAL.map((text) => parsePrefix(text));
  const isLocal = (address: Endpoint["address"]) =>
    prefixes.some((prefix) => prefix !== undefined && prefixContains(prefix, address));
  return { sockets: sockets.map(socket), isLocal };
}

/** Who goes on with the flow, where it is a wrong one. */
function judged(plan: Parameters<typeof samplePlan>[0], text: string, sockets: readonly string[]) {
  return judgedUnder(samplePlan(plan), text, sockets);
}

function judgedUnder(plan: ReturnType<typeof samplePlan>, text: string, sockets: readonly string[]) {
  const [found] = findWrong(plan, [flow(text)], PORTS, host(sockets));
  if (found === undefined) return "left alone";
  const { asker } = found;
  return typeof asker === "string" ? asker : formatEndpoint(asker.local.address, asker.local.port);
}

describe("with virtual networks", () => {
  test.each([
    ["of a network, not redirected yet", "10.66.1.2:4000 > 10.66.0.2:53", "another host"],
    ["the same, IPv6", "[fd66:1::2]:4000 > [fd66::2]:53", "another host"],
    ["of a network, to this host", "10.66.1.2:4000 > 10.66.1.1:53", "another host"],
    ["of a network, redirected", "10.66.1.2:4000 > 10.66.0.2:53 = 10.66.1.1:15053", "left alone"],
    ["of a network, to the port before", "10.66.1.2:4000 > 10.66.0.2:53 = 10.66.1.1:25053", "another host"],
    ["of another bridge", "10.66.2.2:4000 > 10.66.0.2:53", "left alone"],
    ["of another bridge, IPv6", "[fd66:2::2]:4000 > [fd66::2]:53", "left alone"],
    ["of a server's client", "10.66.0.2:4000 > 10.66.0.1:53", "left alone"],
    ["published by docker", "10.66.0.2:4000 > 10.66.0.1:53 = 10.66.2.2:53", "left alone"],
    ["published by docker, at our port", "10.66.0.2:4000 > 10.66.0.1:53 = 10.66.2.2:15053", "left alone"],
    ["left over of another network", "10.66.2.2:4000 > 10.66.0.2:53 = 10.66.2.1:15053", "another host"],
    ["of this host's address in a network, gone", "10.66.1.1:4000 > 10.66.0.2:53", "left alone"],
  ])("%s", (_title, text, expected) => {
    expect(judged({ networks: NETWORKS }, text, [])).toBe(expected);
  });

  test("IPv6 is left alone where it is not intercepted", () => {
    const plan = { ...samplePlan({ networks: NETWORKS }), ipv6: false };
    expect(judgedUnder(plan, "[fd66:1::2]:4000 > [fd66::2]:53", [])).toBe("left alone");
    expect(judgedUnder(plan, "10.66.1.2:4000 > 10.66.0.2:53", [])).toBe("another host");
  });
});

describe("a socket of this host", () => {
  const ANY = "1000 0.0.0.0:4000 > 0.0.0.0:0";
  test.each([
    ["has any address", "10.66.0.1:4000 > 10.66.0.2:53", [ANY], "0.0.0.0:4000"],
    ["is IPv6 and has any address", "10.66.0.1:4000 > 10.66.0.2:53", ["7 [::]:4000 > [::]:0"], "[::]:4000"],
    ["has nothing to do with another host's", "10.66.2.2:4000 > 10.66.0.2:53", [ANY], "left alone"],
    ["of the proxy", "10.66.0.1:4000 > 10.66.0.2:53", ["5678 0.0.0.0:4000 > 0.0.0.0:0"], "left alone"],
    ["is gone", "10.66.0.1:4000 > 10.66.0.2:53 = 127.0.0.1:15053", [], "gone"],
  ])("%s", (_title, text, sockets, expected) => {
    expect(judged({ dns: "all" }, text, sockets)).toBe(expected);
  });
});

test("a removal is about what goes to a port of ours on this host", () => {
  const texts = [
    "10.66.0.1:4000 > 10.66.0.2:53 = 127.0.0.1:15053",
    "10.66.1.2:4000 > 10.66.0.2:53 = 10.66.1.1:25053",
    "10.66.0.2:4000 > 10.66.0.1:53 = 10.66.2.2:15053",
    "10.66.0.1:4000 > 10.66.0.2:53 = 127.0.0.1:35053",
    "10.66.0.1:4000 > 10.66.0.2:53",
  ];
  const flows = texts.map(flow);
  const found = findRedirected(flows, PORTS, host());
  expect(found.map((each) => texts[flows.indexOf(each.flow)])).toEqual(texts.slice(0, 2));
});
