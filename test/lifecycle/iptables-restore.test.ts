// What is given to iptables-restore, and what comes of it, on both kinds of iptables.

import { existsSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { lockEnvironment } from "../../src/engine/iptables/xtables-lock.ts";
import { someOf } from "../support/extent.ts";
import { type Running, type RunOptions, World } from "../support/world.ts";
import { call, callCommand, executables, kernelRules, LockDirectory, must } from "./iptables-support.ts";

const OPTIONS = { wait: 1, waitInterval: 0, maxRetries: 2, sleepBetweenRetriesMs: 10 } as const;
const RULE = "-A OUTPUT -p tcp -m tcp --dport 9 -j RETURN";

let world: World;
const lock = new LockDirectory();

beforeEach(async () => {
  world = await World.create();
  return () => world[Symbol.asyncDispose]();
});
afterAll(() => lock[Symbol.dispose]());

type Mode = "nft" | "legacy";

function restore(mode: Mode, text: string, options: object = {}, runOptions: RunOptions = {}) {
  const args = [executables(mode), text, { ...OPTIONS, ...options }] as const;
  return call(world, "restoreRules", [...args], { env: lock.env, ...runOptions });
}

function table(name: string, ...lines: readonly string[]): string {
  return [`*${name}`, ...lines, "COMMIT", ""].join("\n");
}

/** The rules as iptables-save lists them, with `-c` for counters. */
async function savedRules(mode: Mode, ...flags: readonly string[]): Promise<string[]> {
  const text = await must(world, [`iptables-${mode}-save`, ...flags], { env: lock.env });
  return text.split("\n").filter((line) => /^(\[\d+:\d+\] )?-A/.test(line));
}

describe.each(someOf(["nft", "legacy"] as const, 2))("%s", (mode) => {
  test("takes rules, and leaves those of others with their counters", async () => {
    const theirs = "-A OUTPUT -p udp -m udp --dport 7 -j ACCEPT";
    await must(world, [`iptables-${mode}-restore`], { input: table("mangle", theirs), env: lock.env });
    const send = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 7))";
    await must(world, ["python3", "-c", `import socket; ${send}; ${send}`]);
    const counted = `[2:58] ${theirs}`;
    expect(await savedRules(mode, "-c")).toEqual([counted]);

    // Without a newline at its end.
    const text = table("mangle", "-A OUTPUT -p tcp -j ACCEPT", "-I OUTPUT 1 -p sctp -j ACCEPT").trimEnd();
    expect(await restore(mode, text)).toEqual({ notes: [], value: null });
    const ours = ["[0:0] -A OUTPUT -p sctp -j ACCEPT", "[0:0] -A OUTPUT -p tcp -j ACCEPT"] as const;
    expect(await savedRules(mode, "-c")).toEqual([ours[0], counted, ours[1]]);
  });

  test.each<[string, string[], string, RegExp]>([
    [
      "a match that does not exist",
      ["-A OURS -m nope -j RETURN"],
      "-A OURS -m nope -j RETURN",
      /Couldn't load match/,
    ],
    ["an option that does not exist", ["-A OURS --foo"], "-A OURS --foo", /unknown option "--foo"/],
    ["a jump to nowhere", ["-A OURS -j NOWHERE", RULE], "-A OURS -j NOWHERE", /NOWHERE/],
    ["a rule to delete that is not there", ["-D OUTPUT -j RETURN"], "-D OUTPUT -j RETURN", /line 3 failed/],
    ["a word", ["garbage"], "garbage", /Bad argument `garbage'/],
  ])("refuses %s, at once, and changes nothing of that table", async (_title, lines, line, words) => {
    const { notes, error } = await restore(mode, table("nat", "-N OURS", ...lines));
    expect(notes).toEqual([]);
    expect(error).toMatchObject({ code: "IPTABLES_FAILED", hint: expect.stringMatching(/\.$/) });
    expect(error?.message).toMatch(words);
    expect(error?.message).toMatch(new RegExp(`^/usr/sbin/iptables-${mode}-restore: exit status `.slice(1)));
    expect(error?.message).toContain(`\n  line 3: ${line}`);
    expect(error?.message).not.toMatch(/Try `|tries/);
    expect(await must(world, [`iptables-${mode}-save`])).not.toMatch(/OURS|^-A/m);
  });

  test("changes table by table: the ones before a failure stay changed", async () => {
    const { error } = await restore(mode, table("raw", RULE) + table("nat", RULE, "-A NOWHERE -j RETURN"));
    expect(error?.message).toMatch(/\n {2}line 6: -A NOWHERE -j RETURN$/);
    expect(await savedRules(mode)).toEqual([RULE]);
    expect(await must(world, [`iptables-${mode}-save`])).toMatch(
      new RegExp(`^\\*raw(\n:.*)+\n${RULE}$`, "m"),
    );
  });

  test("takes a chain that is removed and made again in one go", async () => {
    const before = table("nat", "-N OURS", "-A OURS -p tcp -j RETURN", "-A OUTPUT -j OURS");
    const again = [
      "-D OUTPUT -j OURS",
      "-F OURS",
      "-X OURS",
      "-N OURS",
      "-A OURS -p udp -j RETURN",
      "-A OUTPUT -j OURS",
    ];
    expect(await restore(mode, before + table("nat", ...again))).toEqual({ notes: [], value: null });
    expect(await savedRules(mode)).toEqual(["-A OUTPUT -j OURS", "-A OURS -p udp -j RETURN"]);
  });

  test("only reads, as a test", async () => {
    expect(await restore(mode, table("nat", RULE), { test: true })).toEqual({ notes: [], value: null });
    expect(await restore(mode, table("nat", "garbage"), { test: true })).toMatchObject({
      error: { code: "IPTABLES_FAILED" },
    });
    expect(await savedRules(mode)).toEqual([]);
  });

  test.each([["net_admin"], ["net_admin", "net_raw"]])(
    "says which capabilities it needs: %s",
    async (...names) => {
      const before = await kernelRules(world);
      const { notes, error } = await restore(mode, table("nat", RULE), {}, { dropCapabilities: names });
      expect(error).toMatchObject({
        code: "IPTABLES_FAILED",
        hint: expect.stringMatching(/NET_ADMIN and NET_RAW/),
      });
      expect(notes).toEqual([]);
      expect(await kernelRules(world)).toBe(before);
    },
  );

  test("saves what it is given", async () => {
    await restore(mode, table("nat", RULE));
    const { value } = await call(world, "saveRules", [executables(mode)]);
    expect(value).toEqual({
      text: expect.stringMatching(new RegExp(`^\\*nat(\n:.*)+\n${RULE}\nCOMMIT\n.*\n$`, "m")),
      warnings: [],
    });
    expect(await restore(mode, value?.text ?? "")).toMatchObject({ value: null });
  });
});

test("a rule that the kernel refuses: nft says why, and is not asked again; legacy does not", async () => {
  const text = table("raw", "-A OUTPUT -p tcp -j REDIRECT --to-ports 1");
  const nft = await restore("nft", text);
  expect(nft.notes).toEqual([]);
  expect(nft.error?.message).toMatch(
    /RULE_APPEND failed \(Invalid argument\).*\n {2}line 2: -A OUTPUT -p tcp -j REDIRECT/,
  );
  const legacy = await restore("legacy", text);
  expect(legacy.notes).toHaveLength(2);
  expect(legacy.notes[0]).toMatch(/try 1 of 3 failed: .*line 3 failed; line 3: COMMIT; again in 0.01 s$/);
  expect(legacy.error).toMatchObject({
    message: expect.stringMatching(/, 3 tries: exit status 1: .*\n {2}line 3: COMMIT$/),
    hint: expect.stringMatching(/dmesg/),
  });
});

test("what nft says beside the rules is returned", async () => {
  await restore("legacy", table("mangle", RULE));
  const chain = "chain OUTPUT { type nat hook output priority -100; tcp dport 80 redirect to :81; }";
  await must(world, ["nft", `table ip nat { ${chain}; }`]);
  const { value } = await call(world, "saveRules", [executables("nft")]);
  expect(value?.text).toBe("# Table `nat' is incompatible, use 'nft' tool.\n");
  expect(value?.warnings).toEqual([expect.stringMatching(/iptables-legacy tables present/)]);
});

describe("the xtables lock", () => {
  /** Somebody else's program with the lock, until its stdin ends. */
  async function holdLock(): Promise<Running> {
    // A lock that is taken for the program, not by it: no second process keeps it.
    const program = ["flock", "--close", lock.file, "sh", "-c", "echo ready; exec cat"];
    return world.start(program, { cgroup: false });
  }

  async function release(holder: Running): Promise<void> {
    holder.child.stdin?.end();
    if (holder.child.exitCode === null) await new Promise((resolve) => holder.child.once("exit", resolve));
  }

  test("is waited for, and its holder is named", async () => {
    const holder = await holdLock();
    const { notes, error } = await restore("legacy", table("nat", RULE), { maxRetries: 1 });
    const who = `process ${holder.pid} (flock) holds the xtables lock ${lock.file}`;
    expect(notes).toEqual([
      expect.stringMatching(
        /try 1 of 2 failed: .*Another app is currently holding the xtables lock.*; again in 0.01 s$/,
      ),
    ]);
    expect(notes[0]).toContain(who);
    expect(error).toMatchObject({
      code: "IPTABLES_FAILED",
      hint: expect.stringMatching(/--wait, --max-retries/),
    });
    expect(error?.message).toMatch(/2 tries.*Stopped waiting after 1s/);
    expect(error?.message).toContain(`\n  ${who}`);
    await release(holder);
    expect(await savedRules("legacy")).toEqual([]);
  });

  test("that is released between two tries", async () => {
    const holder = await holdLock();
    const options = { ...OPTIONS, maxRetries: 30 };
    const command = callCommand("restoreRules", [executables("legacy"), table("nat", RULE), options]);
    const isReady = (line: string) => line.startsWith('{"note"');
    const running = await world.start(["env", `XTABLES_LOCKFILE=${lock.file}`, ...command], {
      cgroup: false,
      isReady,
    });
    await release(holder);
    await running.waitFor((line) => line === '{"value":null}');
    expect(await savedRules("legacy")).toEqual([RULE]);
  });

  test("without a time to wait: it takes too long, and the holder is named", async () => {
    const holder = await holdLock();
    const { notes, error } = await restore("legacy", table("nat", RULE), { wait: 0, timeoutMs: 300 });
    expect(notes).toEqual([]);
    expect(error?.message).toMatch(/did not end within 0.3 s\n/);
    expect(error?.message).toContain(`process ${holder.pid} (flock) holds`);
    expect(error?.hint).toMatch(/--wait/);
    await release(holder);
    expect(await savedRules("legacy")).toEqual([]);
  });

  test("does not keep nft from its work", async () => {
    const holder = await holdLock();
    expect(await restore("nft", table("nat", RULE))).toEqual({ notes: [], value: null });
    await release(holder);
  });

  test("whose file cannot be made", async () => {
    const env = { XTABLES_LOCKFILE: "/nowhere/xtables.lock" };
    const { notes, error } = await restore("legacy", table("nat", RULE), {}, { env });
    expect(notes).toEqual([]);
    expect(error).toMatchObject({
      message: expect.stringMatching(/can't open lock file \/nowhere\/xtables.lock/),
      hint: expect.stringMatching(/^Set the variable XTABLES_LOCKFILE/),
    });
  });

  test("is where the variable says, if that is an absolute path", async () => {
    await restore("legacy", table("nat", RULE));
    expect(existsSync(lock.file)).toBe(true);
    expect(lockEnvironment({ XTABLES_LOCKFILE: "xtables.lock", HOME: "/root" })).toEqual({});
    expect(lockEnvironment({ ...lock.env, HOME: "/root" })).toEqual(lock.env);
  });
});

test("legacy's remark on an option that it does not heed any more is shown", async () => {
  const { notes, value } = await restore("legacy", table("nat", RULE), { waitInterval: 1000 });
  expect(value).toBeNull();
  expect(notes).toEqual(["/usr/sbin/iptables-legacy-restore: Ignoring deprecated --wait-interval option."]);
  expect(await restore("nft", table("nat", RULE), { waitInterval: 1000 })).toEqual({
    notes: [],
    value: null,
  });
});
