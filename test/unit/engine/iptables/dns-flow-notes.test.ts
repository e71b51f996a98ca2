import { describe, expect, test } from "vitest";
import { noteForgotten, noteRefused } from "../../../../src/engine/iptables/dns-flow-notes.ts";
import type { WrongFlow } from "../../../../src/engine/iptables/wrong-flows.ts";

const END = { address: { family: 4, bytes: Uint8Array.of(0, 0, 0, 0) }, port: 53 } as const;
const FLOW = {
  from: END,
  to: END,
  answeredBy: END,
  forget: { type: 0, flags: 0, body: new Uint8Array() },
};
const socket = () => ({
  local: END,
  remote: END,
  uid: 0,
  inode: 0,
  cgroupId: undefined,
  handle: undefined,
});

describe("who goes on asking is counted", () => {
  const [one, other] = [socket(), socket()];
  test.each<[string, WrongFlow["asker"][], RegExp[]]>([
    ["nobody", [], []],
    ["who is gone", ["gone"], []],
    ["a socket that asked two servers", [one, one], [/^1 UDP socket that was asking/]],
    ["two sockets", [one, other, one], [/^2 UDP sockets that were asking/]],
    ["another host", ["another host"], [/^1 flow of DNS queries from other hosts/]],
    ["all of them", ["another host", one, "gone", "another host"], [/^1 UDP socket/, /^2 flows/]],
  ])("%s", (_title, askers, expected) => {
    const notes = noteForgotten(askers.map((asker) => ({ flow: FLOW, asker })));
    expect(notes).toEqual(expected.map((each) => expect.stringMatching(each)));
  });
});

test.each([
  ["none", [], []],
  ["one", ["EBUSY"], [/would not forget 1 flow \(EBUSY\); .*restart/]],
  ["several, each reason once", ["EBUSY", "ENOMEM", "EBUSY"], [/forget 3 flows \(EBUSY, ENOMEM\); /]],
])("what conntrack did not forget: %s", (_title, errnos, expected) => {
  expect(noteRefused(errnos)).toEqual(expected.map((each) => expect.stringMatching(each)));
});
