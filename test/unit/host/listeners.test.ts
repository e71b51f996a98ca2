import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { formatEndpoint } from "../../../src/core/address.ts";
import { findListeners, parseListeners } from "../../../src/host/listeners.ts";

const HEADER =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const TCP = `${HEADER}\
   0: 0100007F:3A9E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  5678        0 48211 1 0000000005c85c8b 100 0 0 10 0
  10: 00000000:3A99 00000000:0000 0A 00000000:00000000 00:00000000 00000000 70000        0 48 1 0000000005c85c8b 100 0 0 10 0
   2: 0100007F:3A99 0200007F:A001 01 00000000:00000000 00:00000000 00000000     0        0 49 1 0000000005c85c8b 100 0 0 10 0
`;
const TCP6 = `${HEADER}\
   0: 000080FE00000000FF00FC02010000FE:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 50 1 0 100 0 0 10 0
`;

function listeners(text: string, byteOrder: "LE" | "BE" = "LE") {
  return parseListeners(text, byteOrder).map(({ address, port, uid, inode }) => [
    formatEndpoint(address, port),
    uid,
    inode,
  ]);
}

describe("the table of TCP sockets", () => {
  test("is read for what listens", () => {
    expect(listeners(TCP)).toEqual([
      ["127.0.0.1:15006", 5678, 48211],
      ["0.0.0.0:15001", 70000, 48],
    ]);
  });

  test("has addresses in words of host order", () => {
    expect(listeners(TCP6)).toEqual([["[fe80::2fc:ff:fe00:1]:22", 0, 50]]);
    expect(listeners(TCP.replaceAll("0100007F", "7F000001"), "BE")[0]).toEqual([
      "127.0.0.1:15006",
      5678,
      48211,
    ]);
    expect(
      listeners(TCP6.replace("000080FE00000000FF00FC02010000FE", "FE8000000000000002FC00FFFE000001"), "BE"),
    ).toEqual([["[fe80::2fc:ff:fe00:1]:22", 0, 50]]);
  });

  test("that is not understood is an error", () => {
    expect(() => parseListeners(`${HEADER} 0: 7F:1 0:0 0A 0 0 0 0 0 0\n`)).toThrow(
      /cannot read a line of \/proc\/net\/tcp/,
    );
  });
});

test("a listener of this machine is found by its port, and no other", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" ? (bound?.port ?? 0) : 0;
  const found = findListeners(new Set([port]));
  await new Promise((resolve) => server.close(resolve));
  expect(found).toMatchObject([
    { address: { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) }, port, uid: process.geteuid?.() },
  ]);
  expect(findListeners(new Set([port]))).toEqual([]);
});
