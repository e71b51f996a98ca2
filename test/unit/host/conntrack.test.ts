import { describe, expect, test } from "vitest";
import { formatEndpoint, parseAddress } from "../../../src/core/address.ts";
import { summarize } from "../../../src/host/conntrack.ts";
import {
  deleteEntryRequest,
  entryFor,
  entryKey,
  newEntryRequest,
} from "../../../src/host/conntrack-entry.ts";
import { type Endpoint, TCP_STATE, type TcpSocket } from "../../../src/host/tcp-sockets.ts";

function endpoint(text: string): Endpoint {
  const colon = text.lastIndexOf(":");
  const address = parseAddress(text.slice(0, colon).replace(/^\[|\]$/g, ""));
  if (address === undefined) throw new Error(`${text} has no address`);
  return { address, port: Number(text.slice(colon + 1)) };
}

function socket(local: string, remote: string, more: Partial<TcpSocket> = {}): TcpSocket {
  const ends = { local: endpoint(local), remote: endpoint(remote) };
  return {
    ...ends,
    state: TCP_STATE.established,
    uid: 1000,
    inode: 41,
    waiting: 0,
    cgroupId: undefined,
    ...more,
  };
}

function entry(
  local: string,
  remote: string,
  listening: readonly number[] = [],
  more: Partial<TcpSocket> = {},
) {
  const { from, to, stage } = entryFor(socket(local, remote, more), new Set(listening));
  return { from: formatEndpoint(from.address, from.port), to: formatEndpoint(to.address, to.port), stage };
}

const HERE = "10.66.0.1:34304";
const THERE = "10.66.0.2:8080";

describe("what conntrack is to know of a connection", () => {
  test("is who opened it: a listener did not", () => {
    expect(entry(HERE, THERE)).toMatchObject({ from: HERE, to: THERE });
    expect(entry(HERE, THERE, [34304])).toMatchObject({ from: THERE, to: HERE });
  });

  test("is IPv4 where the packets are", () => {
    const mapped = entry("[::ffff:10.66.0.1]:34304", "[::ffff:10.66.0.2]:8080");
    expect(mapped).toMatchObject({ from: HERE, to: THERE });
    expect(entry("[fd66::1]:1", "[fd66::2]:2")).toMatchObject({ from: "[fd66::1]:1", to: "[fd66::2]:2" });
  });

  test.each([
    ["established", { state: TCP_STATE.established }, "established"],
    ["not accepted yet", { state: TCP_STATE.established, inode: 0 }, "established"],
    ["its SYN is sent", { state: TCP_STATE.synSent }, "opening"],
    ["its SYN was received", { state: TCP_STATE.synReceived, inode: 0 }, "opened"],
    ["half-closed from here", { state: TCP_STATE.finWait2 }, "established"],
    ["half-closed from there", { state: TCP_STATE.closeWait }, "established"],
    ["closing, the FIN not acknowledged", { state: TCP_STATE.finWait1, inode: 0 }, "closing"],
    ["closing, the FIN acknowledged", { state: TCP_STATE.finWait2, inode: 0 }, "closing"],
    ["closed by both at once", { state: TCP_STATE.closing, inode: 0 }, "closing"],
    ["closed last from here", { state: TCP_STATE.lastAck, inode: 0 }, "closing"],
  ])("is what it is at: %s", (_, more, stage) => {
    expect(entry(HERE, THERE, [], more).stage).toBe(stage);
  });

  test("has one key for both ends, and another for other ports, addresses and families", () => {
    const key = (local: string, remote: string) => entryKey(entryFor(socket(local, remote), new Set()));
    expect(key(HERE, THERE)).toBe(key(THERE, HERE));
    const others = [
      key("10.66.0.1:34305", THERE),
      key("10.66.0.3:34304", THERE),
      key("[fd66::1]:34304", THERE),
    ];
    expect(new Set([key(HERE, THERE), ...others]).size).toBe(4);
  });
});

/** As `conntrack -I` would send it: tuples there and back, status, timeout, state and flags. */
const NEW_V4 = [
  "02000000",
  "34000180 14000180 08000100 0a420001 08000200 0a420002",
  "1c000280 05000100 06000000 06000200 86000000 06000300 1f900000",
  "34000280 14000180 08000100 0a420002 08000200 0a420001",
  "1c000280 05000100 06000000 06000200 1f900000 06000300 86000000",
  "08000300 0000000e 08000700 00000e10",
  "20000480 1c000180 05000100 03000000 06000400 08080000 06000500 08080000",
].join("");

describe("the messages to conntrack", () => {
  const established = entryFor(socket(HERE, THERE), new Set());

  test("that add a connection", () => {
    const { type, flags, body } = newEntryRequest(established, 3600);
    expect([type, flags]).toEqual([0x100, 0x600]);
    expect(Buffer.from(body).toString("hex")).toBe(NEW_V4.replaceAll(" ", ""));
  });

  test("that remove it have its first tuple alone", () => {
    const { type, flags, body } = deleteEntryRequest(established);
    expect([type, flags]).toEqual([0x102, 0]);
    expect(Buffer.from(body).toString("hex")).toBe(NEW_V4.replaceAll(" ", "").slice(0, 2 * (4 + 0x34)));
  });
});

describe("what came of it", () => {
  test("is how many are new; those that were known are well, too", () => {
    expect(summarize([0, 0, 17])).toEqual({ tracked: 2 });
  });

  test("has a note where some failed, with each reason once", () => {
    expect(summarize([0, 12, 12, 28])).toEqual({
      tracked: 1,
      note: "conntrack did not take 3 of 4 connections that exist already (ENOMEM, ENOSPC): they may be redirected and reset",
    });
  });

  test("has a note where the kernel does not know the messages", () => {
    expect(summarize([22])).toMatchObject({
      tracked: 0,
      note: expect.stringMatching(/^the kernel lacks ctnetlink/),
    });
  });
});
