// What is taken back after a failure, or by the next command after a kill: all of ours, nothing of others', and where that
// cannot be, it is said and stays written down.

import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MODES } from "../../src/engine/iptables/executables.ts";
import { someOf } from "../support/extent.ts";
import { Bench } from "./iptables/bench.ts";
import { killAt } from "./iptables/kill.ts";
import { FAMILIES } from "./iptables/world-tables.ts";
import { expectFailure } from "./support.ts";

const INVALID = ["-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"];
/** Three tables of each family, and rules that the record alone can tell. */
const PLAIN = ["--disable-comments", "--redirect-all-dns-traffic", "--drop-invalid-packets"];

async function must(bench: Bench, ...args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await bench.world.run(args, { cgroup: false });
  if (exitCode !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
}

/** A rule of somebody's that reads as ours will, in each family. */
async function addTwins(bench: Bench): Promise<void> {
  for (const family of FAMILIES) {
    const program = bench.program("save", family).replace("-save", "");
    await must(bench, program, "-t", "mangle", "-A", "PREROUTING", ...INVALID);
  }
}

/** Below the /run of the bench; the path from outside. */
function findRecord({ mounts: { pid } }: Bench): string {
  const directory = `/proc/${pid}/root/run/tproxyctl`;
  const name = readdirSync(directory).find((each) => each.endsWith(".json"));
  if (name === undefined) throw new Error("there is no record");
  return join(directory, name);
}

const FAIL = "echo boom >&2; exit 1";

/** A script that does something else where rules of ours are to be changed, not only what keeps connections. */
function instead(script: string): string {
  return `text=$(cat); case "$text" in *KUMA_MESH_OUTBOUND*) ${script};; esac; echo "$text" | "$real" "$@"`;
}

describe.each(someOf(MODES, 2))("a rule of somebody's that reads as ours (%s)", (mode) => {
  test.each(FAMILIES)("stays where IPv%i fails", async (family) => {
    await using bench = await Bench.create(mode);
    await addTwins(bench);
    const before = await bench.trace();
    bench.replace(bench.program("restore", family), instead(FAIL));
    expectFailure(await bench.tryInstall(PLAIN), "IPTABLES_FAILED", /boom/);
    expect(await bench.trace()).toEqual(before);
  });

  test("stays where an installation is killed before it changes anything", async () => {
    await using bench = await Bench.create(mode);
    await addTwins(bench);
    const before = await bench.trace();
    for (const program of [1, 2, 3, 4]) {
      expect(await killAt(bench, { program, moment: "before" }, bench.installArguments(...PLAIN))).toBe(true);
      await bench.uninstall();
      expect(await bench.trace()).toEqual(before);
    }
  });

  test("stays where a removal is killed half way", async () => {
    await using bench = await Bench.create(mode);
    await addTwins(bench);
    const before = await bench.trace();
    await bench.install(...PLAIN);
    await addTwins(bench);
    expect(await killAt(bench, { program: 1, moment: "after" }, ["uninstall"])).toBe(true);
    await bench.uninstall();
    const { rules, addresses, files } = await bench.trace();
    expect({ addresses, files }).toEqual({ addresses: before.addresses, files: before.files });
    expect(rules).toHaveLength(2 * before.rules.length);
  });

  test("stays where a reinstallation fails", async () => {
    await using bench = await Bench.create(mode);
    await addTwins(bench);
    const clean = await bench.trace();
    await bench.install(...PLAIN);
    await addTwins(bench);
    const before = await bench.trace();
    bench.replace(bench.program("restore", 6), instead(FAIL));
    expectFailure(await bench.tryInstall(PLAIN), "IPTABLES_FAILED", /boom/);
    expect(await bench.trace()).toEqual(before);
    bench.unhide();
    await bench.uninstall();
    const twins = clean.rules.length * 2;
    expect((await bench.trace()).rules).toHaveLength(twins);
  });
});

test.each(someOf(MODES, 2))("where taking back fails, it stays written down (%s)", async (mode) => {
  await using bench = await Bench.create(mode);
  const clean = await bench.trace();
  const broken = join(bench.directory, "broken");
  bench.replace(bench.program("restore", 6), instead(`: >${broken}; ${FAIL}`));
  const onlyFirst = `[ -e ${broken} ] && { cat >/dev/null; echo 'no more' >&2; exit 1; }; exec "$real" "$@"`;
  bench.replace(bench.program("restore", 4), onlyFirst);
  const result = await bench.tryInstall(PLAIN);
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(/boom/);
  expect(result.stderr).toMatch(/could not take back everything: restoring the rules of IPv4: .*no more/);
  expect(JSON.parse(readFileSync(findRecord(bench), "utf8"))).toMatchObject({ unfinished: true });
  expect((await bench.status()).exitCode).toBe(2);
  bench.unhide();
  await bench.uninstall();
  expect(await bench.trace()).toEqual(clean);
});

describe("programs that are not where they are looked for", () => {
  function makePrograms(bench: Bench): { readonly flag: string; readonly directory: string } {
    const directory = join(bench.directory, "opt");
    mkdirSync(directory);
    const names = ["iptables", "ip6tables"].flatMap((base) => [base, `${base}-save`, `${base}-restore`]);
    for (const name of names)
      symlinkSync(join(bench.directory, "original/xtables-nft-multi"), join(directory, name));
    return {
      flag: `--iptables-executables=${names.map((name) => `${name}:${directory}/${name}`)}`,
      directory,
    };
  }

  test("are known from the installation", async () => {
    await using bench = await Bench.create();
    const clean = await bench.trace();
    const { flag } = makePrograms(bench);
    bench.hide(/tables/);
    await bench.install(flag);
    expect((await bench.status()).exitCode).toBe(0);
    const { stdout } = await bench.tproxyctl(["uninstall", "--dry-run"]);
    expect(stdout).toContain(`# ${bench.directory}/opt/iptables-restore\n* nat`);
    await bench.install(flag, "--drop-invalid-packets");
    await bench.uninstall();
    expect(await bench.trace()).toEqual(clean);
  });

  test("and are gone: nothing is done as if nothing were there", async () => {
    await using bench = await Bench.create();
    const clean = await bench.trace();
    const { flag, directory } = makePrograms(bench);
    bench.hide(/tables/);
    await bench.install(flag);
    const installed = await bench.trace();
    rmSync(directory, { recursive: true });
    for (const args of [["uninstall"], ["uninstall", "--dry-run"], ["status"]]) {
      const words = [
        /rules of IPv4 were installed with iptables-nft/,
        new RegExp(`${directory}/iptables-save`),
      ];
      expectFailure(await bench.tproxyctl(args), "IPTABLES_UNUSABLE", ...words);
    }
    expect(await bench.trace()).toEqual(installed);
    bench.unhide();
    await bench.uninstall();
    expect(await bench.trace()).toEqual(clean);
  });
});

test.each([
  { program: 1, moment: "before" },
  { program: 1, moment: "after" },
  { call: "rename", nth: 2 },
] as const)("::6 goes also where its end was written down, and then %j", async (place) => {
  await using bench = await Bench.create();
  const clean = await bench.trace();
  await bench.install();
  expect(await bench.trace()).not.toMatchObject({ addresses: clean.addresses });
  expect(await killAt(bench, place, bench.installArguments("--ip-family-mode=ipv4"))).toBe(true);
  await bench.uninstall();
  expect(await bench.trace()).toEqual(clean);
});

test("::6 goes with a reinstallation that does without it, and comes back where that fails", async () => {
  await using bench = await Bench.create();
  const clean = await bench.trace();
  await bench.install();
  const before = await bench.trace();
  bench.replace(bench.program("restore", 6), instead(FAIL));
  expectFailure(await bench.tryInstall(["--ip-family-mode=ipv4"]), "IPTABLES_FAILED", /boom/);
  expect(await bench.trace()).toEqual(before);
  bench.unhide();
  await bench.install("--ip-family-mode=ipv4");
  expect((await bench.trace()).addresses).toEqual(clean.addresses);
  expect((await bench.status()).exitCode).toBe(0);
});

describe("the record", () => {
  test("stays whole where /run is full", async () => {
    await using bench = await Bench.create();
    const clean = await bench.trace();
    await bench.install(...PLAIN);
    const before = await bench.trace();
    const pages = Math.ceil(readFileSync(findRecord(bench)).length / 4096);
    // One page for the lock, and one for a part of the new record.
    await bench.mounts.mustRun("mount", "-o", `remount,size=${4 * (pages + 2)}k`, "/run");
    const networks = Array.from({ length: 200 }, (_, index) => `10.9.${index}.0/24`);
    const flags = [...PLAIN, `--exclude-outbound-ips=${networks}`];
    expectFailure(await bench.tryInstall(flags), "SYSCALL_FAILED", /cannot write .*\.json: ENOSPC/);
    expect(await bench.trace()).toEqual(before);
    expect((await bench.status()).exitCode).toBe(0);
    await bench.uninstall();
    expect(await bench.trace()).toEqual(clean);
  });

  test.each([
    ["no JSON", (text: string) => text.slice(0, 100), /is no JSON/],
    ["of another format", () => '{"format":2}', /no record that this version/],
    ["a part of one", () => '{"format":1}', /no record that this version/],
  ])("that is %s: what is marked goes, and it is said", async (_title, damage, words) => {
    await using bench = await Bench.create();
    const clean = await bench.trace();
    await bench.install("--drop-invalid-packets");
    const path = findRecord(bench);
    writeFileSync(path, damage(readFileSync(path, "utf8")));
    const explained = [words, /rm \/run\/tproxyctl\/iptables-\d+\.json/, /tproxyctl uninstall/];
    expectFailure(await bench.tryInstall(), "STATE_DAMAGED", ...explained);
    expectFailure(await bench.status(), "STATE_DAMAGED", ...explained);
    const { stdout } = await bench.tproxyctl(["uninstall", "--dry-run"]);
    expect(stdout).toMatch(/-X KUMA_MESH_OUTBOUND(.|\n)*# and then it would fail: .*(record|JSON)/);
    expectFailure(await bench.tproxyctl(["uninstall"]), "STATE_DAMAGED", ...explained);
    const { rules, addresses } = await bench.trace();
    expect({ rules, addresses }).toEqual({ rules: clean.rules, addresses: clean.addresses });
    rmSync(path);
    await bench.install();
    await bench.uninstall();
  });

  test.each([
    ["another boot", { bootId: "00000000-0000-0000-0000-000000000000" }],
    ["another namespace with this number", { netns: { inode: 1, cookie: "1" } }],
  ])("of %s goes with the next command", async (_title, other) => {
    await using bench = await Bench.create();
    const clean = await bench.trace();
    for (const args of [["uninstall"], bench.installArguments()]) {
      await bench.install();
      const path = findRecord(bench);
      const text = readFileSync(path, "utf8");
      await bench.uninstall();
      mkdirSync(join(path, ".."), { mode: 0o700, recursive: true });
      writeFileSync(path, JSON.stringify({ ...JSON.parse(text), ...other }));
      expect((await bench.status()).exitCode).toBe(1);
      expect((await bench.tproxyctl(args)).exitCode).toBe(0);
      if (args[0] !== "uninstall") {
        expect(JSON.parse(readFileSync(path, "utf8"))).not.toMatchObject(other);
        expect((await bench.status()).exitCode).toBe(0);
        await bench.uninstall();
      }
      expect(await bench.trace()).toEqual(clean);
    }
  });
});

test.each(someOf(MODES, 2))("a removal that is said to be done, and is not, is none (%s)", async (mode) => {
  await using bench = await Bench.create(mode);
  const clean = await bench.trace();
  await bench.install(...PLAIN);
  const installed = await bench.trace();
  bench.replace(bench.program("restore", 6), "cat >/dev/null");
  const words = [
    /ip6tables-\w+-restore succeeded, but the kernel still has .*KUMA_MESH_OUTBOUND/,
    /try again/,
  ];
  expectFailure(await bench.tproxyctl(["uninstall"]), "IPTABLES_FAILED", ...words);
  expect((await bench.trace()).addresses).toEqual(installed.addresses);
  expect((await bench.status()).exitCode).toBe(2);
  bench.unhide();
  await bench.uninstall();
  expect(await bench.trace()).toEqual(clean);
});
