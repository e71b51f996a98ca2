import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bootId } from "../../src/host/boot.ts";
import { lockBpffs, lockNamespace } from "../../src/host/lock.ts";
import { mount, umount2 } from "../../src/native/mounts.ts";

const top = mkdtempSync(join(tmpdir(), "hst-lock-"));
afterAll(() => rmSync(top, { recursive: true }));

const LOCK_MODULE = new URL("../../src/host/lock.ts", import.meta.url).href;
const inode = statSync("/proc/thread-self/ns/net").ino;

/** Another process that has `lock` and `options`, and runs `code`. */
function start(directory: string, code: string): ChildProcess {
  const program = `
    import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
    import { setTimeout } from "node:timers/promises";
    import { lockBpffs, lockNamespace } from ${JSON.stringify(LOCK_MODULE)};
    const lock = () => lockNamespace(${inode}, { directory: ${JSON.stringify(directory)} });
    ${code}`;
  return spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function holder(directory: string): Promise<ChildProcess> {
  const child = start(directory, `using held = await lock(); console.log("held"); await setTimeout(60_000);`);
  if (child.stdout !== null) await once(child.stdout, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Counts up in a file, read and written apart: any overlap loses a count. */
async function count(directory: string, processes: number, rounds: number): Promise<number> {
  const file = join(top, "count");
  writeFileSync(file, "0");
  const code = `
    for (let i = 0; i < ${rounds}; i++) {
      using held = await lock();
      const seen = Number(readFileSync(${JSON.stringify(file)}, "utf8"));
      await setTimeout(2);
      writeFileSync(${JSON.stringify(file)}, String(seen + 1));
    }`;
  const children = Array.from({ length: processes }, () => start(directory, code));
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  expect(codes).toEqual(children.map(() => 0));
  return Number(readFileSync(file, "utf8"));
}

test("20 processes never hold it together, and leave nothing behind", async () => {
  const directory = join(top, "many");
  expect(await count(directory, 20, 5)).toBe(100);
  expect(existsSync(directory)).toBe(false);
});

test.each([
  ["of this boot", `42\n2 /run/kuma/bpf\n${bootId()}\n`, "2 /run/kuma/bpf"],
  ["of another boot", "42\n2 /run/kuma/bpf\n00000000-0000-0000-0000-000000000000\n", ""],
  ["of an older version", "42\n2 /run/kuma/bpf\n", ""],
  ["cut off", "42\n2 /run/ku", ""],
  ["empty", "", ""],
  ["garbage", "\0\0\n\n\n\0garbage", ""],
])("what a holder intended that went away: %s", async (_title, text, leftover) => {
  const directory = mkdtempSync(join(top, "intended-"));
  writeFileSync(join(directory, "bpffs.lock"), text);
  {
    using lock = await lockBpffs({ directory });
    expect(lock.leftover).toBe(leftover);
  }
  expect(existsSync(directory)).toBe(false);
});

test("a holder that is killed lets go of it; the next one cleans up", async () => {
  const directory = join(top, "killed");
  const child = await holder(directory);
  const path = join(directory, `net-${inode}.lock`);
  expect(readFileSync(path, "utf8")).toBe(`${child.pid}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  await expect(lockNamespace(inode, { directory, timeoutMs: 200 })).rejects.toMatchObject({
    code: "LOCKED",
    message: `waited 0.2 s for the lock on ${path}, which process ${child.pid} holds`,
  });
  // Another namespace is another lock.
  {
    using _other = await lockNamespace(1, { directory, timeoutMs: 0 });
  }
  const waiting = lockNamespace(inode, { directory, timeoutMs: 5000 });
  await kill(child);
  {
    using _held = await waiting;
    expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);
  }
  expect(existsSync(directory)).toBe(false);
});

test("a child that a holder started does not keep it", async () => {
  const directory = join(top, "child");
  const child = start(
    directory,
    `import { spawn } from "node:child_process";
    using held = await lock();
    spawn("sleep", ["1"], { stdio: "ignore", detached: true }).unref();
    console.log("held");
    await setTimeout(60_000);`,
  );
  if (child.stdout !== null) await once(child.stdout, "data");
  await kill(child);
  using _held = await lockNamespace(inode, { directory, timeoutMs: 0 });
});

test("where nothing can be written, the namespace's own file is locked", async () => {
  const readOnly = join(top, "read-only");
  mkdirSync(readOnly);
  mount({ source: "none", target: readOnly, type: "tmpfs", flags: 1 });
  try {
    const directory = join(readOnly, "tproxyctl");
    expect(await count(directory, 10, 3)).toBe(30);
    const child = await holder(directory);
    await expect(lockNamespace(inode, { directory, timeoutMs: 100 })).rejects.toThrow(
      `the lock on /proc/thread-self/ns/net, which process ${child.pid} holds`,
    );
    await kill(child);
    using _held = await lockNamespace(inode, { directory, timeoutMs: 0 });
    await expect(lockNamespace(1, { directory })).rejects.toMatchObject({ code: "INTERNAL" });
    const missing = lockNamespace(inode, { directory: join(top, "no/such"), timeoutMs: 100 });
    await expect(missing, "a missing /run is as good as a read-only one").rejects.toMatchObject({
      code: "LOCKED",
    });
  } finally {
    umount2(readOnly);
  }
});

test.each([
  [
    "belongs to another user",
    (path: string) => {
      mkdirSync(path, 0o700);
      chownSync(path, 12345, 0);
    },
  ],
  [
    "others can write to",
    (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o777);
    },
  ],
  ["is a symbolic link", (path: string) => symlinkSync(top, path)],
  ["is a file", (path: string) => writeFileSync(path, "")],
])("a directory that %s is refused", async (_, make) => {
  const directory = join(top, "unsafe");
  make(directory);
  await expect(lockNamespace(inode, { directory })).rejects.toMatchObject({
    code: "LOCKED",
    hint: expect.any(String),
  });
  rmSync(directory, { recursive: true });
});

test("a symbolic link in place of the lock file is not followed", async () => {
  const directory = join(top, "link");
  mkdirSync(directory, 0o700);
  symlinkSync(join(top, "victim"), join(directory, `net-${inode}.lock`));
  await expect(lockNamespace(inode, { directory })).rejects.toMatchObject({ code: "SYSCALL_FAILED" });
  expect(existsSync(join(top, "victim"))).toBe(false);
});
