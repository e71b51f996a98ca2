import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fstatSync } from "node:fs";
import { afterEach, beforeAll, expect, test } from "vitest";
import { run } from "../../src/host/exec.ts";
import { findListeners } from "../../src/host/listeners.ts";
import { findSocketOwners, type SocketOwner, takeSocket } from "../../src/host/socket-owner.ts";
import { unshare } from "../../src/native/namespaces.ts";

const children: ChildProcess[] = [];

beforeAll(async () => {
  unshare("NEWNET");
  await run("ip", ["link", "set", "lo", "up"]);
});

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
});

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  if (!child.kill("SIGKILL")) return;
  await gone;
}

async function listenAs(uid: number, port: number): Promise<ChildProcess> {
  const code = `import socket, time
s = socket.socket(); s.bind(("127.0.0.1", ${port})); s.listen(); print("ready", flush=True); time.sleep(60)`;
  const child = spawn("/usr/bin/python3", ["-c", code], {
    uid,
    gid: uid,
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  if (child.stdout !== null) await once(child.stdout, "data");
  return child;
}

function onlyOwner(port: number): SocketOwner {
  const [owner] = findSocketOwners(findListeners(new Set([port]))).values();
  if (owner === undefined) throw new Error(`nobody listens on ${port}`);
  return owner;
}

test("another user's listener is found, taken over, and is the same socket", async () => {
  const child = await listenAs(5678, 15006);
  const [listener] = findListeners(new Set([15006]));
  expect(listener).toMatchObject({ uid: 5678, port: 15006 });
  const owner = onlyOwner(15006);
  expect(owner).toMatchObject({
    pid: child.pid,
    inode: listener?.inode,
    command: expect.stringMatching(/^python3/),
  });
  using socket = takeSocket(owner);
  expect(fstatSync(socket.fd).ino).toBe(listener?.inode);
  // It is a second descriptor for it: the socket outlives the process.
  await kill(child);
  expect(findListeners(new Set([15006]))).toHaveLength(1);
  socket[Symbol.dispose]();
  expect(findListeners(new Set([15006]))).toEqual([]);
});

test("what is another file by now, or gone, is not taken", async () => {
  const child = await listenAs(5678, 15001);
  const owner = onlyOwner(15001);
  expect(() => takeSocket({ ...owner, inode: owner.inode + 1 })).toThrow(
    /cannot take over the listening socket/,
  );
  expect(() => takeSocket({ ...owner, fd: 99 })).toThrow(expect.objectContaining({ code: "SYSCALL_FAILED" }));
  await kill(child);
  expect(() => takeSocket(owner)).toThrow(expect.objectContaining({ code: "SYSCALL_FAILED" }));
  expect(findSocketOwners([{ inode: owner.inode, uid: 5678 }]).size).toBe(0);
});

test("processes that come and go do no harm", async () => {
  const child = await listenAs(5678, 15053);
  const churn = spawn("/bin/sh", ["-c", "while :; do /bin/true; done"], { stdio: "ignore" });
  children.push(churn);
  for (let round = 0; round < 50; round++) {
    const owners = findSocketOwners([...findListeners(new Set([15053])), { inode: 1, uid: 1 }]);
    expect([...owners.values()].map(({ pid }) => pid)).toEqual([child.pid]);
    expect(owners.unreadable).toEqual([]);
  }
});
