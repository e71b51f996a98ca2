// Random configurations and connections: what the kernel does must be what decide() says, on every engine.
//
//   RANDOM_SEED=71 RANDOM_CONFIGURATIONS=1           again what failed
//   RANDOM_SEED=$RANDOM RANDOM_CONFIGURATIONS=5000   what nobody has tried yet

import { afterAll, expect, test } from "vitest";
import { RULE_NAMES, type RuleName } from "../../src/plan/decide-result.ts";
import { howOften } from "../support/extent.ts";
import { randomSettings, type Settings, settingsOf } from "./random/configurations.ts";
import { writeNameservers } from "./random/nameservers.ts";
import { Random } from "./random/random.ts";
import { Scene } from "./random/scene.ts";
import { tryConfiguration } from "./random/try-configuration.ts";
import { LEGACY, NFT } from "./ways.ts";

const FIRST_SEED = Number(process.env.RANDOM_SEED ?? 1);
const CONFIGURATIONS = Number(process.env.RANDOM_CONFIGURATIONS ?? howOften(500, 60));
/** After so many configurations that fail it is plain that something is wrong. */
const MOST_FAILURES = 5;
/** With so many every rule has decided something; a replay has fewer. */
const MANY = 200;

/** Those of what is no connection from elsewhere. All others must have decided something. */
const NEVER: readonly RuleName[] = ["from-here", "loopback-from-outside"];

const ENGINES = [
  { engine: "iptables-nft", never: ["forwarded"], only: settingsOf(NFT), configurations: CONFIGURATIONS },
  // The same rules by other programs: the text that they read is what may differ.
  {
    engine: "iptables-legacy",
    never: ["forwarded"],
    only: settingsOf(LEGACY),
    configurations: Math.ceil(CONFIGURATIONS / 5),
  },
  { engine: "eBPF", never: [], only: { engine: "ebpf" }, configurations: CONFIGURATIONS },
];

const nameservers = writeNameservers();
afterAll(() => nameservers.remove());

test.concurrent.each(ENGINES)(
  "$engine does what decide() says",
  async ({ only, never, configurations }) => {
    await using scene = await Scene.open();
    const failures: string[] = [];
    const decided = new Map<string, number>();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + configurations; seed++) {
      const random = new Random(seed);
      const settings = { ...randomSettings(random, nameservers.files), ...only };
      const { wrong, rules } = await tryConfiguration(scene, settings, random);
      for (const rule of rules) decided.set(rule, (decided.get(rule) ?? 0) + 1);
      if (wrong.length > 0) failures.push(report(seed, settings, wrong));
      if (failures.length === MOST_FAILURES) break;
    }
    expect(failures.join("\n\n")).toBe("");
    if (configurations >= MANY)
      expect([...decided.keys()].toSorted()).toEqual(rulesBut([...NEVER, ...never]));
  },
  900_000,
);

function rulesBut(never: readonly string[]): RuleName[] {
  return RULE_NAMES.filter((name) => !never.includes(name)).toSorted();
}

function report(seed: number, settings: Settings, wrong: readonly string[]): string {
  const replay = `RANDOM_SEED=${seed} RANDOM_CONFIGURATIONS=1`;
  return [`${replay}: ${JSON.stringify(settings)}`, ...wrong.map((each) => `  ${each}`)].join("\n");
}
