// What can go wrong with iptables: each failure is explained and changes nothing, and the next run sets it right.

import { beforeAll, describe, expect, test } from "vitest";
import { MODES, type Mode } from "../../src/engine/iptables/executables.ts";
import { someOf } from "../support/extent.ts";
import { Bench } from "./iptables/bench.ts";
import { FAULTS, type Fault } from "./iptables/faults.ts";
import { expectFailure } from "./support.ts";

const OLD = ["--exclude-outbound-ports", "22"];
/** Three tables of each family. */
const NEW = ["--redirect-all-dns-traffic", "--drop-invalid-packets"];

/** The rules of a fresh installation, by mode. */
const fresh = new Map<Mode, readonly string[]>();

beforeAll(async () => {
  for (const mode of MODES) {
    await using bench = await Bench.create(mode);
    await bench.install(...NEW);
    fresh.set(mode, (await bench.trace()).rules);
  }
});

const CASES = FAULTS.flatMap((fault) =>
  fault.modes.flatMap((mode) => [
    { name: `${fault.title} (${mode})`, fault, mode, existing: false },
    { name: `${fault.title} (${mode}), over an installation`, fault, mode, existing: true },
  ]),
);

describe("nothing is changed, and the next run sets it right", () => {
  test.each(someOf(CASES, 2))("$name", async ({ fault, mode, existing }) => {
    await using bench = await Bench.create(mode);
    // The chains of nft that everybody has, so that what else is there can be seen.
    await bench.world.run(["iptables-nft", "-t", "nat", "-N", "THEIRS"], { cgroup: false });
    await bench.world.run(["iptables-nft", "-t", "nat", "-A", "OUTPUT", "-j", "THEIRS"], { cgroup: false });
    const clean = await bench.trace();
    if (existing) await bench.install(...OLD);
    await expectHarmless(bench, fault, existing);
    await bench.install(...NEW);
    const { rules } = await bench.trace();
    expect(rules.filter((rule) => !rule.includes("THEIRS"))).toEqual(fresh.get(mode));
    expect((await bench.status()).exitCode).toBe(0);
    await bench.uninstall();
    expect(await bench.trace()).toEqual(clean);
  });
});

async function expectHarmless(bench: Bench, fault: Fault, existing: boolean): Promise<void> {
  const before = await bench.trace();
  await fault.arrange(bench);
  const result = await bench.tryInstall([...NEW, ...(fault.flags ?? [])]);
  expectFailure(result, fault.code, ...fault.words);
  bench.unhide();
  await fault.mend?.(bench);
  expect(await bench.trace()).toEqual(before);
  expect((await bench.status()).exitCode).toBe(existing ? 0 : 1);
}
