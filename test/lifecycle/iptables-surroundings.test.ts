// The iptables engine among others who lock, with fewer capabilities, and where nothing can be written.

import { describe, expect, test } from "vitest";
import { MODES, type Mode } from "../../src/engine/iptables/executables.ts";
import { Running, TPROXYCTL, type World } from "../support/world.ts";
import { Bench, expectSuccess } from "./iptables/bench.ts";
import { expectFailure } from "./support.ts";

describe("the lock of iptables-legacy", () => {
  const LOCK = "/run/xtables.lock";

  function holdLock({ world, mounts }: Bench): Promise<Running> {
    const command = ["flock", LOCK, "sh", "-c", "echo ready; exec cat"];
    return world.start(inside(mounts.pid, command), { cgroup: false });
  }

  test.each([false, true])(
    "that another one holds is waited for, and he is named (installed: %s)",
    async (installed) => {
      await using bench = await Bench.create("legacy");
      if (installed) await bench.install("--exclude-outbound-ports", "22");
      const before = await bench.trace();
      const holder = await holdLock(bench);
      const result = await bench.tryInstall(["--wait=1", "--max-retries=1", "--sleep-between-retries=100ms"]);
      expectFailure(
        result,
        "IPTABLES_FAILED",
        /try 1 of 2 failed: .*again in 0\.1 s$/m,
        /legacy-restore, 2 tries: exit status 4: .*holding the xtables lock/,
        /process \d+ \(flock\) holds the xtables lock \/run\/xtables\.lock/,
        /--wait, --max-retries, --sleep-between-retries/,
      );
      expect(await bench.trace()).toEqual(before);
      await holder.stop();
      await bench.install();
      expect((await bench.status()).exitCode).toBe(0);
    },
  );

  test("that is given back in time is no failure", async () => {
    await using bench = await Bench.create("legacy");
    const holder = await holdLock(bench);
    const flags = ["--wait=1", "--max-retries=20", "--sleep-between-retries=50ms"];
    await using running = startInstall(bench, flags);
    await expect.poll(() => running.stderr, { timeout: 20_000 }).toMatch(/try 1 of 21 failed/);
    await holder.stop();
    await running.waitFor((line) => line.includes("setup completed successfully"));
    expect((await bench.status()).exitCode).toBe(0);
  });

  test("that has another name is that of iptables, too", async () => {
    await using bench = await Bench.create("legacy");
    const env = { XTABLES_LOCKFILE: `${bench.directory}/xtables.lock` };
    await using _holder = await holdLockOf(bench.world, env.XTABLES_LOCKFILE);
    const result = await bench.tryInstall(["--wait=1", "--max-retries=0"], { env });
    expectFailure(result, "IPTABLES_FAILED", new RegExp(`holds the xtables lock ${env.XTABLES_LOCKFILE}`));
    await bench.install();
  });
});

describe("capabilities", () => {
  const NEEDED = { nft: ["net_admin"], legacy: ["net_admin", "net_raw"] } as const;

  function withOnly(capabilities: readonly string[], bench: Bench, ...args: readonly string[]) {
    const bounding = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
    const command = ["setpriv", `--bounding-set=${bounding}`, "--inh-caps=-all", TPROXYCTL];
    return bench.mounts.run([...command, ...args]);
  }

  test.each(MODES)("%s: these are enough", async (mode) => {
    await using bench = await Bench.create(mode);
    const before = await bench.trace();
    for (const args of [bench.installArguments(), ["status"], bench.installArguments(), ["uninstall"]])
      expectSuccess(await withOnly(NEEDED[mode], bench, ...args));
    expect(await bench.trace()).toEqual(before);
  });

  test.each(MODES.flatMap((mode) => NEEDED[mode].map((without) => ({ mode, without }))))(
    "$mode: without $without nothing is changed, and what is lacking is said",
    async ({ mode, without }) => {
      await using bench = await Bench.create(mode);
      const rest = NEEDED[mode].filter((name) => name !== without);
      for (const existing of [false, true]) {
        if (existing) await bench.install();
        const before = await bench.trace();
        for (const args of [bench.installArguments("--drop-invalid-packets"), ["uninstall"]]) {
          // Without a legacy table, an uninstallation has nothing to look at there.
          if (args[0] === "uninstall" && !existing) continue;
          const result = await withOnly(rest, bench, ...args);
          expect(result.exitCode, args[0]).toBe(1);
          expect(result.stderr).toContain(`the iptables engine lacks CAP_${without.toUpperCase()}, which`);
          expect(await bench.trace()).toEqual(before);
        }
      }
    },
  );
});

describe("a /run that cannot be written to", () => {
  const COMMENTLESS = ["--disable-comments", "--redirect-all-dns-traffic"];

  async function readOnlyBench(mode: Mode): Promise<Bench> {
    const bench = await Bench.create(mode);
    await bench.mounts.mustRun("mount", "-o", "remount,ro", "/run");
    return bench;
  }

  const env = (bench: Bench) => ({ XTABLES_LOCKFILE: `${bench.directory}/xtables.lock` });

  test.each(MODES)("%s: install, reinstall and uninstall work, and what it means is said", async (mode) => {
    await using bench = await readOnlyBench(mode);
    const before = await bench.trace();
    const first = expectSuccess(await bench.tryInstall([], { env: env(bench) }));
    expect(first.stderr).toMatch(/note: \/run cannot be written to.*known by their comments/);
    const installed = await bench.trace();
    expectSuccess(await bench.tryInstall(["--drop-invalid-packets"], { env: env(bench) }));
    expect((await bench.trace()).rules).toHaveLength(installed.rules.length + 2);
    expectSuccess(await bench.tryInstall([], { env: env(bench) }));
    expect(await bench.trace()).toEqual(installed);
    expectSuccess(await bench.tproxyctl(["uninstall"], { env: env(bench) }));
    expect(await bench.trace()).toEqual(before);
  });

  test.each(MODES)("%s: without comments, it says that rules cannot be told apart", async (mode) => {
    await using bench = await readOnlyBench(mode);
    const result = expectSuccess(await bench.tryInstall(COMMENTLESS, { env: env(bench) }));
    expect(result.stderr).toMatch(/rules without comments cannot be told from others'/);
  });

  test("legacy: without a lock file either, what to do is said", async () => {
    await using bench = await readOnlyBench("legacy");
    const before = await bench.trace();
    expectFailure(await bench.tryInstall(), "IPTABLES_FAILED", /lock file/, /XTABLES_LOCKFILE/);
    expect(await bench.trace()).toEqual(before);
  });
});

test("where only link-local addresses would need it, ip6tables may be missing", async () => {
  await using bench = await Bench.create();
  bench.hide(/^ip6tables/);
  await bench.world.ip("service", "-6", "address", "flush", "dev", "eth0", "scope", "global");
  const before = await bench.trace();
  const { stderr } = await bench.install();
  expect(stderr).toMatch(
    /note: IPv6 is left alone: ip6tables is not usable, and there are link-local addresses only/,
  );
  const { rules } = await bench.trace();
  expect(rules.filter((rule) => rule.startsWith("ip6 "))).toEqual([]);
  expect((await bench.status()).exitCode).toBe(0);
  await bench.uninstall();
  expect(await bench.trace()).toEqual(before);
});

async function holdLockOf(world: World, path: string): Promise<AsyncDisposable> {
  const script = `exec 9>${path}; flock 9; echo ready; exec cat`;
  const running = await world.start(["sh", "-c", script], { cgroup: false });
  return { [Symbol.asyncDispose]: () => running.stop() };
}

function inside(pid: number, command: readonly string[]): string[] {
  return ["nsenter", `--mount=/proc/${pid}/ns/mnt`, "--", ...command];
}

function startInstall(bench: Bench, flags: readonly string[]): Running & AsyncDisposable {
  const command = inside(bench.mounts.pid, [TPROXYCTL, ...bench.installArguments(...flags)]);
  const running = new Running(bench.world.command(command, { cgroup: false }));
  return Object.assign(running, { [Symbol.asyncDispose]: () => running.stop() });
}
