// Every option alone, on and off, in every way: what the kernel does must be what decide() says.

import { afterAll, expect, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { type Settings, settingsOf } from "./random/configurations.ts";
import { everyOption } from "./random/every-option.ts";
import { writeNameservers } from "./random/nameservers.ts";
import { Random } from "./random/random.ts";
import { Scene } from "./random/scene.ts";
import { tryConfiguration } from "./random/try-configuration.ts";
import { LEGACY, NFT } from "./ways.ts";

const nameservers = writeNameservers();
afterAll(() => nameservers.remove());

const CASES = everyOption(nameservers.files);

const WAYS: readonly { way: string; base: Settings }[] = [
  { way: "sk_lookup", base: { engine: "ebpf" } },
  { way: "tc", base: { engine: "ebpf", "ebpf.tcAttachIface": "eth0" } },
  ...[NFT, LEGACY].map((each) => ({ way: each.way, base: settingsOf(each) })),
];

/** As many connections as it takes for every option to have a say: with these seeds, one try is enough. */
const TRIES = 2;

test.concurrent.each(someOf(WAYS, 2))(
  "$way: every option does what decide() says",
  async ({ base }) => {
    await using scene = await Scene.open();
    const failures: string[] = [];
    for (const [index, { title, settings, on, off, only = base.engine }] of CASES.entries()) {
      if (only !== base.engine) continue;
      const decided = new Set<string>();
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const random = new Random(index * TRIES + attempt);
        const tried = await tryConfiguration(scene, { ...base, ...settings }, random);
        for (const setting of tried.settings) decided.add(setting);
        if (tried.wrong.length > 0) failures.push([title, ...tried.wrong].join("\n  "));
      }
      if (on !== undefined && !decided.has(on)) failures.push(`${title}: it decided nothing`);
      if (off !== undefined && decided.has(off)) failures.push(`${title}: it decided something`);
    }
    expect(failures.join("\n\n")).toBe("");
  },
  600_000,
);
