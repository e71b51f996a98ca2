// Values that try to become more than one: each is refused with an explanation, or is one word of one rule.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MODES } from "../../src/engine/iptables/executables.ts";
import { someOf } from "../support/extent.ts";
import type { Result } from "../support/world.ts";
import { Bench } from "./iptables/bench.ts";
import { HOSTILE, HOSTILE_NAMES, ODD_NAMES } from "./iptables/hostile-values.ts";

let bench: Bench;
/** Of an installation without any option. */
let plain: readonly string[];

beforeAll(async () => {
  bench = await Bench.create();
  await bench.install();
  plain = (await bench.trace()).rules;
  await bench.uninstall();
});
afterAll(() => bench[Symbol.asyncDispose]());

/** Explained, in words that a terminal can show, without a stack trace. */
function expectExplained({ exitCode, stdout, stderr }: Result, about: string, length = 0): void {
  expect(exitCode, about).toBe(1);
  expect(stdout, about).toBe("");
  expect(stderr, about).toMatch(/^error: .*^ code: (CONFIG_INVALID|USER_UNKNOWN|USAGE|COMMAND_FAILED)$/ms);
  expect(stderr, about).not.toMatch(/a bug in tproxyctl|\n\s+at .*[:(]\d+|undefined|\[object/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(stderr, about).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  expect(stderr.length, about).toBeLessThan(length + 5000);
}

test.each(someOf(HOSTILE, 2))(
  "$flag: each value is refused, or harmless",
  async ({ flag, values }) => {
    const before = await bench.trace();
    for (const value of values) {
      const about = JSON.stringify(`${flag}=${value}`).slice(0, 200);
      const result = await bench.tryInstall([`${flag}=${value}`]);
      if (result.exitCode === 0) {
        expect((await bench.trace()).rules, about).toEqual(plain);
        await bench.uninstall();
      } else expectExplained(result, about, value.length);
    }
    expect(await bench.trace()).toEqual(before);
  },
  300_000,
);

test.each(MODES)("an interface's odd name is one word of one rule (%s)", async (mode) => {
  await using own = await Bench.create(mode);
  const before = await own.trace();
  const networks = ODD_NAMES.map((name, index) => `--vnet=${name}:10.${index}.0.0/16`);
  await own.install(...networks);
  const { rules } = await own.trace();
  const interfaces = rules.flatMap((rule) => {
    const [, table, name] = / (nat|raw|mangle) -A PREROUTING .*-i (\S+) .*--to-ports 15001$/.exec(rule) ?? [];
    return table === "nat" && rule.startsWith("ip ") ? [name] : [];
  });
  expect(interfaces.sort()).toEqual([...ODD_NAMES].sort());
  expect(
    rules.filter(
      (rule) => !/ :KUMA_MESH_\w+$| --comment "kuma\/mesh\/transparent\/proxy\/[^"]*" /.test(rule),
    ),
  ).toEqual([]);
  expect((await own.status()).exitCode).toBe(0);
  await own.install(...networks);
  expect((await own.trace()).rules).toEqual(rules);
  await own.uninstall();
  expect(await own.trace()).toEqual(before);
});

test("lines of resolv.conf give addresses, and nothing else", async () => {
  await using bench = await Bench.create();
  const path = join(bench.directory, "resolv.conf");
  const lines = [
    "nameserver 10.0.0.53 -j DROP",
    "nameserver 10.0.0.54;touch /run/hostile",
    "nameserver 10.0.0.55/0",
    "nameserver $(touch /run/hostile)",
    "nameserver -j",
    'nameserver "10.0.0.56"',
    "nameserver fe80::1%eth0",
    "nameserver fd00::53\r",
    "nameserver \u001b[31m10.0.0.57",
    `nameserver ${"1".repeat(1000)}`,
    "; nameserver 10.0.0.59",
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
  const before = await bench.trace();
  await bench.mounts.mustRun("mount", "--bind", path, "/etc/resolv.conf");
  const { exitCode, stderr } = await bench.tryInstall(["--redirect-dns"]);
  expect(exitCode, stderr.slice(0, 2000)).toBe(0);
  const { rules } = await bench.trace();
  const servers = rules.flatMap((rule) => / -d (\S+) .*--dport 53 .*--to-ports 15053$/.exec(rule)?.[1] ?? []);
  expect(servers.sort()).toEqual(["10.0.0.53/32", "10.0.0.54/32", "fd00::53/128"]);
  expect(
    rules.filter(
      (rule) => !/ :KUMA_MESH_\w+$| --comment "kuma\/mesh\/transparent\/proxy\/[^"]*" /.test(rule),
    ),
  ).toEqual([]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  expect(stderr.length).toBeLessThan(5000);
  await bench.uninstall();
  expect(await bench.trace()).toEqual(before);
});

test("interfaces with names that mean something elsewhere change nothing", async () => {
  await using bench = await Bench.create();
  const before = await bench.trace();
  let made = 0;
  const refused: string[] = [];
  for (const name of HOSTILE_NAMES) {
    const link = ["link", "add", "name", name, "netns", bench.world.netns("service")];
    const add = await bench.world.run(["ip", ...link, "type", "veth", "peer", "name", `p${made}`], {
      cgroup: false,
    });
    if (add.exitCode !== 0) continue;
    made++;
    const result = await bench.tryInstall();
    if (result.exitCode === 0) {
      expect((await bench.trace()).rules, name).toEqual(plain);
      await bench.uninstall();
    } else {
      expectExplained(result, name);
      refused.push(name);
    }
    await bench.world.ip("service", "link", "del", `p${made - 1}`);
    expect(await bench.trace(), name).toEqual(before);
  }
  expect(made).toBeGreaterThan(10);
  // `ip -json` writes these in a way that no JSON reader takes.
  expect(refused).toEqual([]);
});
