// Which iptables is used, on real machines: programs, rules and modules that are there or hidden.

import { chmodSync, cpSync, existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTrustedDirectory } from "../support/trusted-directory.ts";
import { APP_UID, World } from "../support/world.ts";
import { call, executables, kernelRules, LockDirectory, must } from "./iptables-support.ts";

const ANY = { given: {}, ipv6: true } as const;
const CONFIG = { iptablesExecutables: {}, ipFamilyMode: "dualstack" } as const;

const lock = new LockDirectory();
afterAll(() => lock[Symbol.dispose]());

const NAT_RULE = ["-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "RETURN"];
const DOCKER_CHAIN = ["-t", "nat", "-N", "DOCKER_OUTPUT"];

async function iptables(world: World, mode: string, args: readonly string[]): Promise<void> {
  await must(world, [`iptables-${mode}`, ...args], { env: lock.env });
}

describe("looking changes nothing", () => {
  async function lookAtAll(world: World): Promise<void> {
    const { value } = await call(world, "findExecutables", [ANY]);
    expect(value).toMatchObject({ ipv4: { family: 4 }, ipv6: { family: 6 } });
    for (const mode of ["nft", "legacy"] as const) {
      for (const family of [4, 6] as const) {
        expect(await call(world, "saveRules", [executables(mode, family)])).toHaveProperty("value");
        const modules = await call(world, "probeModules", [executables(mode, family)]);
        expect(modules.value).toEqual({ comments: true, zones: true, missing: [], notes: [] });
      }
    }
    const checks = await call(world, "checkIptables", [CONFIG]);
    expect(checks.value?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "iptables ok",
      "iptables-capabilities ok",
      "ip6tables ok",
      "iptables-modules ok",
      "conntrack ok",
      "table-nat ok",
      "table-raw ok",
    ]);
  }

  test("where there is nothing", async () => {
    await using world = await World.create();
    expect(await kernelRules(world)).toBe("");
    await lookAtAll(world);
    expect(await kernelRules(world)).toBe("");
  });

  test("where legacy has one table, and nft another", async () => {
    await using world = await World.create();
    await iptables(world, "legacy", ["-t", "mangle", "-A", "OUTPUT", "-j", "ACCEPT"]);
    await iptables(world, "nft", NAT_RULE);
    const before = await kernelRules(world);
    expect(before).toMatch(/table ip nat .*^ip_tables_names:mangle$/ms);
    await lookAtAll(world);
    expect(await kernelRules(world)).toBe(before);
  });
});

describe("the rules decide", () => {
  test.each<[string, readonly (readonly [string, readonly string[]])[], string, RegExp?]>([
    ["there are none", [], "nft"],
    ["legacy has an empty table", [["legacy", ["-t", "nat", "-S"]]], "nft"],
    ["legacy has the only one", [["legacy", NAT_RULE]], "legacy"],
    [
      "nft has the only one",
      [
        ["legacy", ["-t", "nat", "-S"]],
        ["nft", NAT_RULE],
      ],
      "nft",
    ],
    [
      "both have some",
      [
        ["legacy", NAT_RULE],
        ["nft", NAT_RULE],
      ],
      "nft",
      /Both/,
    ],
    [
      "Docker is in legacy",
      [
        ["legacy", DOCKER_CHAIN],
        ["nft", NAT_RULE],
      ],
      "legacy",
    ],
  ])("%s", async (_title, commands, mode, note) => {
    await using world = await World.create();
    for (const [program, args] of commands) await iptables(world, program, args);
    const { value } = await call(world, "findExecutables", [ANY]);
    expect(value).toMatchObject({ ipv4: { mode }, ipv6: { mode } });
    expect(value?.notes).toEqual(note === undefined ? [] : [expect.stringMatching(note)]);
  });

  test("and without root nobody knows, nor are tables tried", async () => {
    await using world = await World.create();
    await iptables(world, "legacy", NAT_RULE);
    const { value } = await call(world, "findExecutables", [ANY], { uid: APP_UID });
    expect(value).toMatchObject({ ipv4: { mode: "nft" }, notes: [expect.stringMatching(/^Only root/)] });
    const checks = await call(world, "checkIptables", [CONFIG], { uid: APP_UID });
    expect(checks.value?.filter(({ state }) => state === "unknown").map(({ name }) => name)).toEqual([
      "iptables-capabilities",
      "table-nat",
      "table-raw",
    ]);
  });
});

/** The service's namespace with a directory of the machine replaced by a copy, for processes of the test alone. */
class Replaced implements AsyncDisposable {
  readonly directory = makeTrustedDirectory("executables");
  readonly world: World;
  mountsOf = 0;

  private constructor(world: World) {
    this.world = world;
  }

  static async create(original: string, change: (directory: string) => void): Promise<Replaced> {
    const made = new Replaced(await World.create());
    try {
      const names = readdirSync(original).filter((name) => /tables|^lib/.test(name));
      for (const name of names) cpSync(join(original, name), join(made.directory, name), COPY);
      chmodSync(made.directory, 0o755);
      change(made.directory);
      const script = `mount --bind ${made.directory} ${original} && echo ready && exec cat`;
      const unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script];
      made.mountsOf = (await made.world.start(unshare, { cgroup: false })).pid;
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true });
  }
}

const COPY = { verbatimSymlinks: true } as const;

function without(...patterns: readonly RegExp[]): (directory: string) => void {
  return (directory) => {
    const names = readdirSync(directory).filter((name) => patterns.some((pattern) => pattern.test(name)));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) rmSync(join(directory, name));
  };
}

describe("programs that are missing", () => {
  const PLAIN = ["iptables", "iptables-save", "iptables-restore"];

  test.each<[string, (directory: string) => void, object, string]>([
    ["restore of nft", without(/^iptables-nft-restore$/), executables("legacy"), "legacy"],
    ["legacy", without(/legacy/), executables("nft"), "nft"],
    [
      "all with a mode in the name",
      (directory) => {
        without(/(nft|legacy)(-save|-restore)?$/, /^ip6?tables(-save|-restore)?$/)(directory);
        for (const name of PLAIN) symlinkSync("xtables-legacy-multi", join(directory, name));
      },
      { mode: "legacy", save: "/usr/sbin/iptables-save" },
      "neither ip6tables-legacy nor ip6tables is there",
    ],
    [
      "links",
      (directory) => {
        without(/(nft|legacy)(-save|-restore)?$/, /^ip6?tables(-save|-restore)?$/)(directory);
        for (const name of PLAIN) {
          const path = join(directory, name);
          writeFileSync(path, `#!/bin/sh\nexec /usr/sbin/xtables-nft-multi ${name} "$@"\n`);
          chmodSync(path, 0o755);
        }
      },
      { mode: "nft", restore: "/usr/sbin/iptables-restore" },
      "neither ip6tables-nft nor ip6tables is there",
    ],
  ])("without %s", async (_title, change, ipv4, ipv6) => {
    await using machine = await Replaced.create("/usr/sbin", change);
    const { value } = await call(machine.world, "findExecutables", [ANY], machine);
    expect(value).toMatchObject({ ipv4, notes: [] });
    expect(JSON.stringify(value?.ipv6)).toContain(ipv6);
  });

  test.each<[string, (directory: string) => void, RegExp[]]>([
    ["all", without(/./), [/in \/usr\/sbin, /, /nft: neither iptables-nft nor iptables is there/]],
    [
      "both restores",
      without(/^iptables.*-restore$/),
      [/nft: neither iptables-nft-restore nor/, /legacy: neither iptables-legacy-restore nor/],
    ],
  ])("without %s nothing works, and that is said", async (_title, change, words) => {
    await using machine = await Replaced.create("/usr/sbin", change);
    const { error } = await call(machine.world, "findExecutables", [ANY], machine);
    expect(error).toMatchObject({
      code: "IPTABLES_UNUSABLE",
      hint: expect.stringMatching(/apt-get install/),
    });
    for (const word of words) expect(error?.message).toMatch(word);
    const checks = await call(machine.world, "checkIptables", [CONFIG], machine);
    expect(checks.value).toEqual([
      expect.objectContaining({ name: "iptables", state: "missing", remedy: error?.hint }),
      expect.objectContaining({ name: "iptables-capabilities", state: "ok" }),
    ]);
  });
});

describe("modules that are missing", () => {
  const places = ["/usr/lib", ...readdirSync("/usr/lib").map((name) => join("/usr/lib", name))];
  const directory =
    places.map((place) => join(place, "xtables")).find((path) => existsSync(path)) ?? "no xtables";

  test.each<["nft" | "legacy", RegExp[], object]>([
    ["nft", [/_comment\.so/], { comments: false, zones: true, missing: ["comment"] }],
    ["legacy", [/_comment\.so/], { comments: false, zones: true, missing: ["comment"] }],
    ["nft", [/_conntrack\.so/, /_CT\.so/], { comments: true, zones: false, missing: ["conntrack", "CT"] }],
    ["legacy", [/_CT\.so/], { comments: true, zones: false, missing: ["CT"] }],
    [
      "legacy",
      [/_multiport\.so/, /_udp\.so/],
      { comments: true, zones: true, missing: ["udp", "multiport"] },
    ],
  ])("%s without %s", async (mode, patterns, expected) => {
    await using machine = await Replaced.create(directory, without(...patterns));
    const { value } = await call(machine.world, "probeModules", [executables(mode)], machine);
    expect(value).toMatchObject(expected);
    const checks = await call(machine.world, "checkIptables", [CONFIG], machine);
    expect(checks.value?.filter(({ state }) => state !== "ok")).not.toEqual([]);
  });

  test.each(["nft", "legacy"] as const)("%s without owner nothing works", async (mode) => {
    await using machine = await Replaced.create(directory, without(/_owner\.so/));
    const { error } = await call(machine.world, "probeModules", [executables(mode)], machine);
    expect(error).toMatchObject({
      code: "IPTABLES_UNUSABLE",
      message: `/usr/sbin/iptables-${mode} cannot match with owner, which every rule needs`,
      hint: expect.stringMatching(/modprobe -a xt_owner\)/),
    });
    const checks = await call(machine.world, "checkIptables", [CONFIG], machine);
    expect(checks.value).toContainEqual(
      expect.objectContaining({
        name: "iptables-modules",
        state: "missing",
        found: expect.stringMatching(/no owner/),
      }),
    );
  });
});

describe("programs that the user names", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const { iptables: program, save, restore } = executables("legacy");
  const LEGACY = { iptables: program, "iptables-save": save, "iptables-restore": restore };

  test("are used", async () => {
    const { value } = await call(world, "findExecutables", [{ given: LEGACY, ipv6: true }]);
    expect(value).toEqual({ ipv4: executables("legacy"), ipv6: executables("legacy", 6), notes: [] });
  });

  test("are what is checked, and legacy's tables are not made by that", async () => {
    const config = { ...CONFIG, iptablesExecutables: LEGACY };
    const { value } = await call(world, "checkIptables", [config]);
    expect(value?.map(({ state }) => state)).toEqual(["ok", "ok", "ok", "ok", "ok", "ok", "ok"]);
    expect(value?.map(({ found }) => found).join("\n")).toMatch(/^legacy: .*^legacy: rules are taken$/ms);
    expect(await kernelRules(world)).toBe("");
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["is missing", { "iptables-save": "/nowhere/save" }, /\/nowhere\/save does not exist/],
    ["is no iptables", { "iptables-save": "/usr/bin/false" }, /\/usr\/bin\/false does not work: /],
    ["is of the other mode", { "iptables-save": executables("nft").save }, /all must be of one kind/],
  ])("one %s", async (_title, other, words) => {
    const { error } = await call(world, "findExecutables", [{ given: { ...LEGACY, ...other }, ipv6: true }]);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringMatching(words) });
  });
});
