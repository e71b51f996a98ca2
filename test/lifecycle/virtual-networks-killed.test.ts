// SIGKILL while programs and the rules beside them come, change or go: `status` tells the truth, and the next command sets
// all of it right.

import { expect, test } from "vitest";
import { type KernelState, kernelState } from "../support/kernel-state.ts";
import { Bench, expectSuccess } from "./iptables/bench.ts";
import { firstPlaces, killAt, nextOf, type Place } from "./iptables/kill.ts";
import { addContainer, expectNetworks, NETWORKS } from "./networks.ts";

const OTHER = ["--vnet=br1:10.66.1.0/25", "--disable-comments"];

const SCENARIOS = [
  { title: "a first installation", first: undefined, killed: NETWORKS },
  { title: "networks that are added", first: [], killed: NETWORKS },
  { title: "networks that are changed", first: OTHER, killed: NETWORKS },
  { title: "networks that are removed", first: NETWORKS, killed: [] },
  { title: "iptables to eBPF", first: ["--engine=iptables", ...NETWORKS], killed: NETWORKS },
  { title: "eBPF to iptables", first: NETWORKS, killed: ["--engine=iptables", ...NETWORKS] },
  { title: "an uninstallation", first: NETWORKS, killed: undefined },
] as const;

/** After each program that changes rules (nat alone: there is no half way), and at what is done to records and pins. */
const PLACES = firstPlaces().filter((place) =>
  "call" in place ? ["rename", "unlink"].includes(place.call) : place.moment === "after",
);

/** Each pin is unlinked, one after the other: some of them stand for all. */
function skip(place: Extract<Place, { readonly call: string }>): Place {
  return { ...place, nth: place.nth + (place.call === "unlink" ? 6 : 1) };
}

/** What depends on when it was made is left out: numbers of the kernel's, and the order of what is put back. */
async function stateOf({ world, mounts }: Bench): Promise<KernelState> {
  const state = await kernelState(world, { mountsOf: mounts.pid });
  const anonymous = (line: string) =>
    line.replace(/^\d+: /, "").replace(/program \d+|programs [\d,]+|netns-\d+-\d+|(?<=_\w+ )\d+ /g, "#");
  return Object.fromEntries(
    Object.entries(state).map(([name, lines]) => [name, lines.map(anonymous).toSorted()]),
  );
}

async function expectState(bench: Bench, wanted: KernelState, about: string): Promise<void> {
  await expect.poll(() => stateOf(bench), { timeout: 20_000, interval: 20, message: about }).toEqual(wanted);
}

const install = (bench: Bench, flags: readonly string[]) =>
  bench.tproxyctl(bench.world.installArguments(...flags));

const uninstall = async (bench: Bench) => expectSuccess(await bench.tproxyctl(["uninstall"]));

test.each(SCENARIOS)(
  "$title",
  async ({ title, first, killed }) => {
    await using bench = await Bench.create();
    await addContainer(bench.world);
    const clean = await stateOf(bench);
    const whole: KernelState[] = [];
    for (const flags of [first, killed]) {
      if (flags === undefined) continue;
      expectSuccess(await install(bench, flags));
      whole.push(await stateOf(bench));
      await uninstall(bench);
    }
    await expectState(bench, clean, "before anything");

    const kill = async (place: Place): Promise<boolean> => {
      const about = `${title}, killed at ${JSON.stringify(place)}`;
      if (first !== undefined) expectSuccess(await install(bench, first));
      const args = killed === undefined ? ["uninstall"] : bench.world.installArguments(...killed);
      const wasKilled = await killAt(bench, place, args);
      if (wasKilled) {
        hits++;
        await expectTruth(about);
        if (hits % 4 === 0) {
          expectSuccess(await install(bench, NETWORKS));
          expect((await bench.status()).exitCode, about).toBe(0);
          await expectNetworks(bench.world);
        }
      }
      await uninstall(bench);
      await expectState(bench, clean, about);
      return wasKilled;
    };

    /** Exit status 0: it is as one installation put it; 1: nothing is there. */
    const expectTruth = async (about: string): Promise<void> => {
      const { exitCode, stdout, stderr } = await bench.status();
      const said = `${about}: ${exitCode} ${stdout} ${stderr}`;
      expect([0, 1, 2], said).toContain(exitCode);
      const now = relevant(await stateOf(bench));
      if (exitCode === 0) expect(whole.map(relevant), said).toContainEqual(now);
      if (exitCode === 1) expect(now.iptables, said).toEqual([]);
      expect(stderr, said).not.toMatch(/^ code: /m);
    };

    let hits = 0;
    for (const place of PLACES) {
      for (let next = place; await kill(next); ) next = "call" in next ? skip(next) : nextOf(next);
    }
    console.log(`${title}: killed at ${hits} places`);
    expect(hits).toBeGreaterThan(4);
  },
  600_000,
);

/** Rules and programs: a link or a pin that is left of the one before does no harm, and goes with the next command. */
function relevant(state: KernelState): KernelState {
  const rules = Object.entries(state).filter(([name]) => name.endsWith("service: iptables"));
  const isRule = (line: string) => / (-A|:KUMA)/.test(line);
  return {
    iptables: rules.flatMap(([, lines]) => lines).filter(isRule),
    links: state.links ?? [],
  };
}
