// What verify's processes and the embedded proxy are once they have given up root: nothing of root is left in them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { PROXY_UID, type Result, TPROXYCTL, World } from "../support/world.ts";

interface Found {
  readonly pid: number;
  readonly status: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly environment: string;
}

/** Undefined where it has gone. */
function look(pid: number): Found | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
    const pairs = lines
      .map((line) => line.split(/:\s*/))
      .map(([name = "", value = ""]) => [name, value] as const);
    const files = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return []; // closed meanwhile
      }
    });
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    return { pid, status: Object.fromEntries(pairs), files, environment };
  } catch {
    return undefined;
  }
}

/** Processes in the service's network namespace whose command line has this word. */
function processesWith(world: World, word: string): number[] {
  const { ino } = statSync(`/run/netns/${world.netns("service")}`);
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        const isThere = statSync(`/proc/${pid}/ns/net`).ino === ino;
        return isThere && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(word);
      } catch {
        return false; // no process, or no more
      }
    });
}

function expectNothingOfRoot({ status, files }: Found, uid: number): void {
  expect(status).toMatchObject({
    Uid: Array(4).fill(uid).join("\t"),
    Gid: Array(4).fill(uid).join("\t"),
    CapInh: "0000000000000000",
    CapPrm: "0000000000000000",
    CapEff: "0000000000000000",
    CapAmb: "0000000000000000",
    NoNewPrivs: "1",
  });
  expect(status.Groups?.trim()).toBe("");
  // Neither a pin, a lock, a record, nor a socket of netlink's that root opened: only what makes a process go.
  for (const file of files)
    expect(file).toMatch(/^(\/dev\/(null|pts\/\d+)|(pipe|socket):\[\d+\]|anon_inode:\[?\w+\]?)$/);
}

/** Another process of that user may neither look into it nor stop it. */
async function expectClosed(world: World, { pid }: Found, uid: number): Promise<void> {
  const script = `cat /proc/${pid}/environ /proc/${pid}/maps; ls /proc/${pid}/fd; strace -p ${pid} -o /dev/null`;
  const { stderr } = await world.run(["sh", "-c", `export LC_ALL=C; timeout 5 sh -c '${script}'`], { uid });
  expect(stderr.match(/Permission denied/g)).toHaveLength(3);
  expect(stderr).toMatch(/attach: ptrace.*Operation not permitted/);
}

test("the processes by which verify connects", async () => {
  await using world = await World.create();
  await world.install();
  const [file = "", ...args] = world.command([TPROXYCTL, "verify"], { cgroup: false });
  const verify = spawn(file, args, { env: { ...process.env, SECRET: "of-root" }, stdio: "ignore" });
  world.defer(async () => void verify.kill());
  const ended = once(verify, "exit");
  const found = new Map<string, Found>();
  while (verify.exitCode === null && verify.signalCode === null) {
    for (const pid of processesWith(world, "verify-probe")) {
      const process = look(pid);
      const uid = process?.status.Uid?.split("\t")[0] ?? "0";
      if (process !== undefined && uid !== "0") found.set(uid, process);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect((await ended)[0]).toBe(0);
  expect([...found.keys()]).toContain(String(PROXY_UID));
  expect(found.size).toBeGreaterThan(1);
  for (const [uid, process] of found) {
    expectNothingOfRoot(process, Number(uid));
    expect(process.environment).not.toContain("SECRET");
  }
});

test("the embedded proxy", async () => {
  await using world = await World.create();
  const args = [TPROXYCTL, "proxy", "--user", String(PROXY_UID), "--json"];
  await world.start(args, { isReady: (line) => line.includes("15006") });
  const [pid] = processesWith(world, "proxy");
  const found = look(pid ?? 0);
  if (found === undefined) throw new Error("the proxy is not there");
  expectNothingOfRoot(found, PROXY_UID);
  await expectClosed(world, found, PROXY_UID);
});

test("who may not read the pins cannot get at what is pinned", async () => {
  await using world = await World.create();
  await world.install();
  const tools = `bpftool map dump pinned ${world.bpffs}/tproxyctl; bpftool map dump name tp_handshakes; bpftool prog show`;
  const asUser = (uid: number): Promise<Result> =>
    world.run(["sh", "-c", `ls ${world.bpffs}/tproxyctl; ${tools}`], { uid });
  for (const uid of [PROXY_UID, 1000]) {
    const { stdout, stderr } = await asUser(uid);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/Permission denied/);
    expect(stderr.match(/Operation not permitted|Permission denied/g)?.length).toBeGreaterThanOrEqual(3);
  }
});
