import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dup, flock } from "../../src/native/descriptors.ts";
import { mount, umount2 } from "../../src/native/mounts.ts";
import { pidfd_getfd, pidfd_open } from "../../src/native/processes.ts";
import { getsockopt, if_nametoindex, setsockopt, socket } from "../../src/native/sockets.ts";
import { getpwnam, getpwuid } from "../../src/native/users.ts";
import { ScratchNetns } from "./support.ts";

const directory = mkdtempSync(join(tmpdir(), "tproxyctl-libc-"));
afterAll(() => rmSync(directory, { recursive: true }));

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_PROTOCOL = 38;

describe("sockets", () => {
  it("have options that can be read and set", () => {
    const fd = socket(2, 1);
    expect(Buffer.from(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, 4)).readInt32LE(0)).toBe(6);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Uint8Array.of(0, 16, 0, 0));
    expect(Buffer.from(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, 4)).readInt32LE(0)).toBe(8192);
    expect(() => getsockopt(fd, 0, 80, 16)).toThrow(
      /^getsockopt\(fd \d+, 0, 80\): (ENOPROTOOPT|ENOENT|ENOTCONN)$/,
    );
    closeSync(fd);
    expect(() => getsockopt(fd, 0, 80, 16)).toThrow(
      expect.objectContaining({ code: "SYSCALL_FAILED", errno: 9 }),
    );
  });

  it("are closed on exec", () => {
    const fd = socket(2, 1);
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")).toMatch(/flags:\s+02000002/);
    closeSync(fd);
  });

  it("belong to interfaces", () => {
    expect(if_nametoindex("lo")).toBe(1);
    expect(() => if_nametoindex("none")).toThrow("if_nametoindex(none): ENODEV");
  });
});

describe("descriptors", () => {
  it("are duplicated and locked", () => {
    const file = join(directory, "lock");
    writeFileSync(file, "");
    const first = openSync(file, "r");
    const second = openSync(file, "r");
    const copy = dup(first);
    expect(flock(first, "exclusive")).toBe(true);
    expect(flock(copy, "exclusive")).toBe(true);
    expect(flock(second, "exclusive")).toBe(false);
    expect(flock(second, "shared")).toBe(false);
    expect(flock(copy, "unlock")).toBe(true);
    expect(flock(second, "exclusive")).toBe(true);
    for (const fd of [first, second, copy]) closeSync(fd);
    expect(() => dup(first)).toThrow(/EBADF/);
  });

  it("are fetched from a process", () => {
    const server = createServer();
    const fd = openSync(directory, "r");
    const pidfd = pidfd_open(process.pid);
    const mine = pidfd_getfd(pidfd, fd);
    expect(mine).not.toBe(fd);
    expect(() => pidfd_getfd(pidfd, 9999)).toThrow(/pidfd_getfd\(pidfd \d+, 9999\): EBADF/);
    expect(() => pidfd_open(0x3ffffff)).toThrow(/ESRCH|EINVAL/);
    for (const each of [mine, pidfd, fd]) closeSync(each);
    server.close();
  });
});

describe("users", () => {
  it("are found by name and number", () => {
    expect(getpwnam("root")).toEqual({ name: "root", uid: 0, gid: 0 });
    expect(getpwuid(0)?.name).toBe("root");
    expect(getpwnam("no-such-user")).toBeUndefined();
    expect(getpwuid(0x7ffffff0)).toBeUndefined();
    const nobody = getpwnam("nobody");
    expect(getpwuid(nobody?.uid ?? 0)).toEqual(nobody);
  });
});

describe("namespaces and mounts", () => {
  it("a network namespace is entered and left", () => {
    const inode = () => statSync("/proc/thread-self/ns/net").ino;
    const before = inode();
    {
      using _netns = new ScratchNetns();
      expect(inode()).not.toBe(before);
    }
    expect(inode()).toBe(before);
  });

  it("a file system is mounted and unmounted", () => {
    mount({ source: "none", target: directory, type: "tmpfs", data: "size=64k" });
    const inside = statSync(directory).dev;
    umount2(directory);
    expect(statSync(directory).dev).not.toBe(inside);
    expect(() => umount2(directory)).toThrow(`umount(${directory}): EINVAL`);
    expect(() => mount({ source: "none", target: directory, type: "nonsense" })).toThrow(/ENODEV/);
  });
});
