import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { formatAddress } from "../../../src/core/address.ts";
import { ConfigError } from "../../../src/core/errors.ts";
import { parseNameservers, readNameservers } from "../../../src/host/resolv-conf.ts";

const directory = mkdtempSync(join(tmpdir(), "tproxyctl-resolv-conf-"));
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ["", [], []],
  ["search example.org\noptions ndots:5 edns0\n", [], []],
  ["nameserver 10.0.0.1\nnameserver fd00::1", ["10.0.0.1", "fd00::1"], []],
  ["search x\r\nnameserver 10.0.0.1\r\nnameserver 10.0.0.2\r\n", ["10.0.0.1", "10.0.0.2"], []],
  ["nameserver\t10.0.0.1 \t# the first\nnameserver 10.0.0.2;the second", ["10.0.0.1", "10.0.0.2"], []],
  ["  nameserver 10.0.0.1", ["10.0.0.1"], []],
  ["#nameserver 10.0.0.1\n; nameserver 10.0.0.2\n # nameserver 10.0.0.3", [], []],
  ["nameservers 10.0.0.1\nnameserver10.0.0.1\nNAMESERVER 10.0.0.1\nnameserver\n10.0.0.1", [], []],
  ["search nameserver 10.0.0.1", [], []],
  ["nameserver 10.0.0.1\nnameserver ::ffff:10.0.0.1", ["10.0.0.1"], []],
  ["nameserver fe80::1%eth0\nnameserver 10.0.0.1", ["10.0.0.1"], ["fe80::1%eth0"]],
  ["nameserver dns.example\nnameserver 010.0.0.1\nnameserver 10.1", [], ["dns.example", "010.0.0.1", "10.1"]],
  [
    "1,2,3,4,5".replaceAll(/(\d),?/g, "nameserver 10.0.0.$1\n"),
    [1, 2, 3, 4, 5].map((n) => `10.0.0.${n}`),
    [],
  ],
])("the name servers of %j", (text, addresses, unusable) => {
  const found = parseNameservers(text);
  expect(found.addresses.map(formatAddress)).toEqual(addresses);
  expect(found.unusable).toEqual(unusable);
});

test("are read from a file", () => {
  const path = join(directory, "resolv.conf");
  writeFileSync(path, "nameserver 127.0.0.53\n");
  expect(readNameservers(path).addresses.map(formatAddress)).toEqual(["127.0.0.53"]);
});

writeFileSync(join(directory, "binary"), Buffer.from("nameserver 10.0.0.1\n\0\u00ff"));
writeFileSync(join(directory, "large"), Buffer.alloc(100 << 20, "#"));
execFileSync("mkfifo", [join(directory, "pipe")]);
symlinkSync("loop", join(directory, "loop"));

test.each([
  ["missing", "ENOENT"],
  [".", "EISDIR"],
  ["loop", "ELOOP"],
  ["binary", "it is no text: it holds a NUL byte"],
  ["large", "it is larger than 1 MiB"],
  ["pipe", "it is no regular file"],
  ["/dev/zero", "it is no regular file"],
])("a file that cannot be read is named with the setting and the reason: %s", (name, reason) => {
  const path = resolve(directory, name);
  expect(() => readNameservers(path)).toThrow(ConfigError);
  expect(() => readNameservers(path)).toThrow(
    `redirect.dns.resolvConfigPath: cannot read the name servers from ${JSON.stringify(path)}: ${reason}`,
  );
});
