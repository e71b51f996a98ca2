import { describe, expect, test } from "vitest";
import { formatEndpoint } from "../../../src/core/address.ts";
import { CONNECTED, type Endpoint, parseTcpSockets, TCP_STATE } from "../../../src/host/tcp-sockets.ts";

const HEADER =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const REST = "00000000:00000000 00:00000000 00000000";
const END = "1 0000000005c85c8b 100 0 0 10 0\n";
const TCP = `${HEADER}\
   0: 00000000:1F90 00000000:0000 0A ${REST}  1000        0 40 ${END}\
   1: 0100420A:1F90 0200420A:8235 01 ${REST}  1000        0 41 ${END}\
   2: 0100420A:8600 0200420A:1F90 02 ${REST}  1000        0 42 ${END}\
   3: 0100420A:1F90 0200420A:8236 03 ${REST}     0        0 0 ${END}\
   4: 0100420A:8601 0200420A:1F90 06 ${REST}     0        0 0 3 0000000005c85c8b\n\
   5: 0100420A:8602 0200420A:1F90 08 ${REST} 70000        0 45 ${END}`;
const TCP6 = `${HEADER}\
   0: 0000000000000000FFFF00000100420A:1F90 0000000000000000FFFF00000200420A:8235 01 ${REST}  1000        0 50 ${END}\
   1: 000066FD000000000000000001000000:8600 000066FD000000000000000002000000:1F90 05 ${REST}     0        0 0 ${END}`;

function text({ address, port }: Endpoint): string {
  return formatEndpoint(address, port);
}

function read(table: string, states: ReadonlySet<number> = CONNECTED, byteOrder: "LE" | "BE" = "LE") {
  return parseTcpSockets(table, states, byteOrder).map(({ local, remote, state, uid, inode }) => [
    text(local),
    text(remote),
    state,
    uid,
    inode,
  ]);
}

describe("the table of TCP sockets", () => {
  test("is read for connections, whatever they are at", () => {
    expect(read(TCP)).toEqual([
      ["10.66.0.1:8080", "10.66.0.2:33333", TCP_STATE.established, 1000, 41],
      ["10.66.0.1:34304", "10.66.0.2:8080", TCP_STATE.synSent, 1000, 42],
      ["10.66.0.1:8080", "10.66.0.2:33334", TCP_STATE.synReceived, 0, 0],
      ["10.66.0.1:34306", "10.66.0.2:8080", TCP_STATE.closeWait, 70000, 45],
    ]);
  });

  test("is read for IPv6, and as it is where that holds an IPv4 address", () => {
    expect(read(TCP6)).toEqual([
      ["[::ffff:10.66.0.1]:8080", "[::ffff:10.66.0.2]:33333", TCP_STATE.established, 1000, 50],
      ["[fd66::1]:34304", "[fd66::2]:8080", TCP_STATE.finWait2, 0, 0],
    ]);
  });

  test("says of a listener how many connections nobody has accepted", () => {
    const line = " 0: 00000000:1F90 00000000:0000 0A 00000000:0000000B 00:00000000 00000000 1000 0 40\n";
    expect(parseTcpSockets(line, new Set([TCP_STATE.listen]), "LE")).toMatchObject([{ waiting: 11 }]);
  });

  test("is read for the states that are asked for", () => {
    expect(read(TCP, new Set([TCP_STATE.listen]))).toEqual([["0.0.0.0:8080", "0.0.0.0:0", 10, 1000, 40]]);
    expect(read(TCP, new Set())).toEqual([]);
    expect(read("")).toEqual([]);
  });

  test("has addresses in words of host order", () => {
    const [row] = read(
      TCP.replaceAll("0100420A", "0A420001").replaceAll("0200420A", "0A420002"),
      CONNECTED,
      "BE",
    );
    expect(row?.slice(0, 2)).toEqual(["10.66.0.1:8080", "10.66.0.2:33333"]);
  });

  test.each([
    ["a short address", " 0: 7F:1F90 0200420A:8235 01 0 0 0 0 0 0"],
    ["no remote address", " 0: 0100420A:1F90 - 01 0 0 0 0 0 0"],
    ["a user that is no number", " 0: 0100420A:1F90 0200420A:8235 01 0 0 0 x 0 0"],
    ["no inode", " 0: 0100420A:1F90 0200420A:8235 01 0 0 0 0 0"],
  ])("with %s is an error", (_, line) => {
    expect(() => parseTcpSockets(`${HEADER}${line}\n`, CONNECTED)).toThrow(
      /cannot read a line of \/proc\/net\/tcp: 0:/,
    );
  });
});
