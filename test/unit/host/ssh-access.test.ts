import { expect, test } from "vitest";
import { formatEndpoint } from "../../../src/core/address.ts";
import { parseSshConnection } from "../../../src/host/ssh-access.ts";

test.each([
  ["10.0.0.9 50022 10.0.0.1 22", ["10.0.0.9:50022", "10.0.0.1:22"]],
  ["fe80::9%eth0 50022 fe80::1%eth0 2222", ["[fe80::9]:50022", "[fe80::1]:2222"]],
  ["::ffff:10.0.0.9 50022 ::ffff:10.0.0.1 22", ["10.0.0.9:50022", "10.0.0.1:22"]],
  // What a server without an address says (sshd -i on a pipe), and what nobody says.
  ["UNKNOWN 65535 UNKNOWN 65535", undefined],
  ["10.0.0.9 50022", undefined],
  ["10.0.0.9 x 10.0.0.1 22", undefined],
  ["", undefined],
])("%s", (text, wanted) => {
  const read = parseSshConnection(text);
  const shown = read && [read.remote, read.local].map(({ address, port }) => formatEndpoint(address, port));
  expect(shown).toEqual(wanted);
});
