// The cookie of a network namespace as a program is told it: compared with what a socket says, where that says it.

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { give } from "../../src/bpf/instructions.ts";
import { BpfLink } from "../../src/bpf/link.ts";
import { askNetnsCookie } from "../../src/bpf/netns-cookie.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { loadTiny } from "../../src/bpf/probe-load.ts";
import { BpfProgram } from "../../src/bpf/program.ts";
import { askForCookie } from "../../src/engine/netns.ts";
import { parseCgroup2 } from "../../src/host/cgroups.ts";
import { readNetnsOfSocket } from "../../src/host/netns.ts";
import { Descriptor } from "../../src/native/descriptor.ts";
import { unshare } from "../../src/native/namespaces.ts";
import { cgroup2Root } from "../support/world.ts";
import { Scratch } from "./support.ts";

/** The machine's own cgroups are not touched: this process moves into one that is made for it, beside one where it is not. */
const root = cgroup2Root();
const [own, elsewhere] = ["own", "elsewhere"].map((name) =>
  join(root, `tpt-cookie-${name}-${process.pid}`),
) as [string, string];
const home = join(root, parseCgroup2(readFileSync("/proc/self/cgroup", "utf8")) ?? "");

// The namespace of this file: it goes with the process. Its loopback is down.
beforeAll(() => {
  unshare("NEWNET");
  for (const cgroup of [own, elsewhere]) mkdirSync(cgroup);
  writeFileSync(join(own, "cgroup.procs"), String(process.pid));
});
afterAll(() => {
  writeFileSync(join(home, "cgroup.procs"), String(process.pid));
  for (const cgroup of [own, elsewhere]) rmdirSync(cgroup);
});

async function attached(cgroup: string): Promise<unknown> {
  const { stdout } = await execa("bpftool", ["--json", "cgroup", "show", cgroup]);
  return (JSON.parse(stdout || "[]") as { name?: string }[]).filter(({ name }) => name === "tp_netns_cookie");
}

test("is what a socket says, with loopback down, and nothing stays attached", async () => {
  const { cookie } = readNetnsOfSocket();
  expect(askForCookie()).toBe(cookie);
  expect(await attached(own)).toEqual([]);
});

test("is asked in the next cgroup where the first does not know this process, or is none", () => {
  const { cookie } = readNetnsOfSocket();
  expect(askNetnsCookie([elsewhere, "/nowhere", own])).toBe(cookie);
});

test("without an answer says where it asked", () => {
  expect(() => askNetnsCookie([elsewhere, "/nowhere"])).toThrow(
    new RegExp(
      `does not tell the cookie .*a program at ${elsewhere} is not asked about .*; .*ENOENT.*/nowhere`,
    ),
  );
});

test("programs of others run and stay, and one that forbids does not hide the answer", () => {
  using scratch = new Scratch();
  using object = BpfObject.open(scratch.compile("basic"));
  object.load();
  using allowing = BpfLink.attachCgroup(object.program("allow"), own, "connect4");
  const deny = { type: "cgroup_sock_addr", attachType: "connect4", code: [give(0)] } as const;
  using denier = new BpfProgram(new Descriptor(loadTiny("deny", deny).fd), "deny");
  using forbidding = BpfLink.attachCgroup(denier, own, "connect4");
  expect(askNetnsCookie([own])).toBe(readNetnsOfSocket().cookie);
  for (const link of [allowing, forbidding]) expect(link.info().defunct).toBe(false);
});
