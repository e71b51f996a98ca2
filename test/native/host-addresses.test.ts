// Addresses of the loopback interface, by rtnetlink, beside `ip`.

import { execFileSync } from "node:child_process";
import { closeSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAddress } from "../../src/core/address.ts";
import { addLoopbackAddress, removeLoopbackAddress } from "../../src/host/addresses.ts";
import { libc } from "../../src/native/libc.ts";
import { socket } from "../../src/native/sockets.ts";
import { ScratchNetns } from "./support.ts";

let netns: ScratchNetns;

beforeEach(() => {
  netns = new ScratchNetns();
});
afterEach(() => netns[Symbol.dispose]());

/** Runs commands of `ip`, one a line. */
function ip(commands: string): void {
  execFileSync("ip", ["-batch", "-"], { input: commands, stdio: ["pipe", "ignore", "inherit"] });
}

function ipShow(): string {
  return netns.run("ip", "address", "show");
}

describe("an address of the loopback interface", () => {
  const address = (text: string) => parseAddress(text) ?? expect.fail(`${text} is no address`);

  test.each(["::6", "192.0.2.6", "127.1.2.3"])("can be bound to as soon as it is there: %s", (text) => {
    for (let round = 0; round < 100; round++) {
      expect(addLoopbackAddress(address(text))).toBe(true);
      expect(bindTo(text)).toBe(0);
      expect(removeLoopbackAddress(address(text))).toBe(true);
    }
  });

  test("is one that `ip` can add and remove as well", () => {
    ip("address add ::6/128 dev lo\naddress add 192.0.2.6/32 dev lo");
    for (const text of ["::6", "192.0.2.6"]) {
      expect(addLoopbackAddress(address(text))).toBe(false);
      expect(removeLoopbackAddress(address(text))).toBe(true);
      expect(addLoopbackAddress(address(text))).toBe(true);
    }
    ip("address del ::6/128 dev lo\naddress del 192.0.2.6/32 dev lo");
    expect(ipShow()).not.toMatch(/::6|192\.0\.2\.6/);
  });

  test("may be that of another interface, too", () => {
    ip(`link add hst0 type veth peer name hst1\nlink set hst0 up\naddress add fd00::6/64 dev hst0`);
    expect(removeLoopbackAddress(address("fd00::6"))).toBe(false);
    expect(addLoopbackAddress(address("fd00::6"))).toBe(true);
    expect(removeLoopbackAddress(address("fd00::6"))).toBe(true);
    expect(ipShow()).toMatch(/fd00::6\/64/);
  });

  test("cannot be removed where its length is another one", () => {
    ip("address add fd00::6/64 dev lo");
    expect(addLoopbackAddress(address("fd00::6"))).toBe(false);
    expect(() => removeLoopbackAddress(address("fd00::6"))).toThrow(
      /^cannot remove fd00::6 from the loopback interface: EADDRNOTAVAIL$/,
    );
  });
});

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;

/** 0, or what bind says: `-errno`. */
function bindTo(text: string): number {
  const { family, bytes } = parseAddress(text) ?? expect.fail(`${text} is no address`);
  const name = Buffer.alloc(family === 4 ? 16 : 28);
  name.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  name.set(bytes, family === 4 ? 4 : 8);
  const fd = socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM);
  try {
    return libc().bind(fd, name, name.length);
  } finally {
    closeSync(fd);
  }
}
