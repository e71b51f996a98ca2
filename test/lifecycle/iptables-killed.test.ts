// SIGKILL at every program that tproxyctl runs and at what it does to files: `status` tells the truth afterwards, and the
// next command sets everything right.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { MODES } from "../../src/engine/iptables/executables.ts";
import { Bench, type Trace } from "./iptables/bench.ts";
import { firstPlaces, killAt, nextOf, type Place } from "./iptables/kill.ts";

const OLD = ["--exclude-outbound-ports", "22"];
/** Three tables of each family; and without comments, so that rules are known by the record alone. */
const NEW = ["--redirect-all-dns-traffic", "--drop-invalid-packets", "--disable-comments"];

interface Scenario {
  readonly title: string;
  readonly first: readonly string[] | undefined;
  readonly killed: (bench: Bench) => readonly string[];
}

const SCENARIOS: readonly Scenario[] = [
  { title: "a first installation", first: undefined, killed: (bench) => bench.installArguments(...NEW) },
  { title: "a reinstallation", first: OLD, killed: (bench) => bench.installArguments(...NEW) },
  { title: "an uninstallation", first: NEW, killed: () => ["uninstall"] },
];

class Killer {
  readonly bench: Bench;
  readonly scenario: Scenario;
  /** Whole states: nothing, the old installation, the new one. */
  readonly #clean: Trace;
  readonly #installed: readonly Trace[];
  hits = 0;

  constructor(bench: Bench, scenario: Scenario, clean: Trace, installed: readonly Trace[]) {
    this.bench = bench;
    this.scenario = scenario;
    this.#clean = clean;
    this.#installed = installed;
  }

  static async create(bench: Bench, scenario: Scenario): Promise<Killer> {
    const clean = await bench.trace();
    const installed: Trace[] = [];
    for (const flags of [OLD, NEW]) {
      await bench.install(...flags);
      installed.push(await bench.trace());
      await bench.uninstall();
      expect(await bench.trace()).toEqual(clean);
    }
    return new Killer(bench, scenario, clean, installed);
  }

  /** @returns false where the command came to its end before it got there */
  async kill(place: Place): Promise<boolean> {
    const { bench, scenario } = this;
    if (scenario.first !== undefined) await bench.install(...scenario.first);
    const killed = await killAt(bench, place, scenario.killed(bench));
    const where = JSON.stringify(place);
    if (killed) {
      this.hits++;
      await this.#expectTruth(where);
      if (this.hits % 2 === 0) await this.#expectInstallHeals(where);
    }
    await bench.uninstall();
    expect(await bench.trace(), where).toEqual(this.#clean);
    return killed;
  }

  async #expectTruth(where: string): Promise<void> {
    const { exitCode, stdout, stderr } = await this.bench.status();
    const { rules, addresses } = await this.bench.trace();
    const about = `${where}: status ${exitCode} ${stdout} ${stderr}`;
    expect([0, 1, 2], about).toContain(exitCode);
    const whole = this.#installed.map((trace) => ({ rules: trace.rules, addresses: trace.addresses }));
    if (exitCode === 0) expect(whole, about).toContainEqual({ rules, addresses });
    if (exitCode === 1)
      expect({ rules, addresses }, about).toEqual({ rules: [], addresses: this.#clean.addresses });
  }

  async #expectInstallHeals(where: string): Promise<void> {
    await this.bench.install(...NEW);
    const { rules, addresses } = await this.bench.trace();
    const fresh = this.#installed.at(-1);
    expect({ rules, addresses }, where).toEqual({ rules: fresh?.rules, addresses: fresh?.addresses });
    expect((await this.bench.status()).exitCode, where).toBe(0);
  }
}

const CASES = SCENARIOS.flatMap((scenario) =>
  MODES.map((mode) => ({ title: scenario.title, scenario, mode })),
);

test.each(CASES)(
  "$title ($mode)",
  async ({ title, scenario, mode }) => {
    await using bench = await Bench.create(mode);
    const killer = await Killer.create(bench, scenario);
    for (const place of firstPlaces()) {
      for (let next = place; await killer.kill(next); ) next = nextOf(next);
    }
    console.log(`${title} (${mode}): killed at ${killer.hits} places`);
    expect(killer.hits).toBeGreaterThan(15);
  },
  600_000,
);

/** Killed while iptables-restore waits for something, which goes on by itself: too late for whoever comes next. */
test.each(MODES)("what iptables-restore still does then, the next command waits for (%s)", async (mode) => {
  await using bench = await Bench.create(mode);
  const clean = await bench.trace();
  const [go, done] = [join(bench.directory, "go"), join(bench.directory, "done")];
  const wait = `while [ ! -e ${go} ]; do sleep 0.02; done`;
  bench.replace(
    bench.program("restore"),
    `text=$(cat); kill -9 $PPID; ${wait}; echo "$text" | "$real" "$@"; : >${done}`,
  );
  expect((await bench.tryInstall(NEW)).exitCode).not.toBe(0);
  bench.unhide();
  const uninstalled = bench.tproxyctl(["uninstall"]);
  // It is one after the other in either case: if it does not wait, it has ended by then.
  await Promise.race([uninstalled, setTimeout(3000)]);
  writeFileSync(go, "");
  await expect.poll(() => existsSync(done), { timeout: 20_000 }).toBe(true);
  expect(await uninstalled).toMatchObject({ exitCode: 0 });
  expect(await bench.trace()).toEqual(clean);
});
