import { describe, expect, test } from "vitest";
import { TproxyError } from "../../../../src/core/errors.ts";
import { allExecutables } from "../../../../src/engine/iptables/all-executables.ts";
import { hasRules } from "../../../../src/engine/iptables/choose-mode.ts";
import {
  type Executables,
  type Mode,
  nameOf,
  parseMode,
} from "../../../../src/engine/iptables/executables.ts";
import { findExecutables } from "../../../../src/engine/iptables/find-executables.ts";
import type { IptablesHost } from "../../../../src/engine/iptables/iptables-host.ts";

const SBIN = "/usr/sbin";
const PARTS = ["", "-save", "-restore"] as const;

function family(base: string): string[] {
  return PARTS.map((part) => `${base}${part}`);
}

const NFT = [...family("iptables-nft"), ...family("ip6tables-nft")];
const LEGACY = [...family("iptables-legacy"), ...family("ip6tables-legacy")];
const PLAIN = [...family("iptables"), ...family("ip6tables")];

const NO_RULES = "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
const A_RULE = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j RETURN\nCOMMIT\n";
const DOCKER = "*nat\n:OUTPUT ACCEPT [0:0]\n:DOCKER_OUTPUT - [0:0]\nCOMMIT\n";

interface Machine {
  /** Names in /usr/sbin, or absolute paths. */
  readonly programs: readonly string[];
  /** What the programs without a mode in their name are. */
  readonly modes?: Readonly<Record<string, Mode | "broken">>;
  /** What the save programs print; undefined: they do not work. */
  readonly rules?: Readonly<Record<Mode, string | undefined>>;
  readonly root?: boolean;
  /** An old one has no nf_tables. */
  readonly kernel?: "old" | "new";
}

function host(machine: Machine): IptablesHost & { readonly asked: string[] } {
  const { programs, modes = {}, rules = { nft: "", legacy: "" }, root = true, kernel = "new" } = machine;
  const asked: string[] = [];
  const readMode = async (path: string) => {
    asked.push(path);
    const mode = modes[path.replace(`${SBIN}/`, "")];
    if (mode === undefined || mode === "broken") throw new TproxyError("COMMAND_FAILED", `${path}: killed`);
    return mode;
  };
  return {
    asked,
    findProgram: (program) => {
      if (program.startsWith("/")) return programs.includes(program) ? program : undefined;
      return programs.includes(program) ? `${SBIN}/${program}` : undefined;
    },
    distrust: (path) => (path.startsWith("/tmp/") ? "/tmp can be written to by everybody" : undefined),
    readMode,
    askMode: readMode,
    hasNftables: () => kernel === "new",
    nftTables: () => (root ? (rules.nft === "" ? [] : ["nat"]) : undefined),
    legacyTables: () => (root ? (rules.legacy === "" ? [] : ["nat"]) : undefined),
    save: async ({ mode, save }) => {
      asked.push(save);
      const text = rules[mode];
      if (text === undefined) throw new TproxyError("IPTABLES_FAILED", `${save}: Protocol not supported`);
      return text;
    },
  };
}

function find(machine: Machine, given: Readonly<Record<string, string>> = {}, ipv6 = true) {
  return findExecutables({ given, ipv6 }, host(machine));
}

const FULL: Machine = { programs: [...NFT, ...LEGACY] };

describe("what is there decides", () => {
  test.each<[string, Machine, Mode, string]>([
    ["nft alone", { programs: NFT }, "nft", "iptables-nft-save"],
    ["legacy alone", { programs: LEGACY }, "legacy", "iptables-legacy-save"],
    [
      "plain names of nft",
      { programs: PLAIN, modes: Object.fromEntries(PLAIN.map((name) => [name, "nft"])) },
      "nft",
      "iptables-save",
    ],
    [
      "plain names of legacy",
      { programs: PLAIN, modes: Object.fromEntries(PLAIN.map((name) => [name, "legacy"])) },
      "legacy",
      "iptables-save",
    ],
    [
      "half of nft, all of legacy",
      { programs: [...NFT, ...LEGACY].filter((name) => name !== "iptables-nft-restore") },
      "legacy",
      "iptables-legacy-save",
    ],
    [
      "nft with one plain name",
      {
        programs: [...NFT.filter((name) => name !== "iptables-nft-save"), "iptables-save"],
        modes: { "iptables-save": "nft" },
      },
      "nft",
      "iptables-save",
    ],
    [
      "nft with one plain name of legacy",
      {
        programs: [...NFT.filter((name) => name !== "iptables-nft-save"), ...LEGACY, "iptables-save"],
        modes: { "iptables-save": "legacy" },
      },
      "legacy",
      "iptables-legacy-save",
    ],
  ])("%s", async (_title, machine, mode, save) => {
    const { ipv4, notes } = await find(machine);
    expect(ipv4).toMatchObject({ family: 4, mode, save: `${SBIN}/${save}` });
    expect(notes).toEqual([]);
  });

  test("IPv6 follows the mode of IPv4", async () => {
    const { ipv6 } = await find({
      programs: [...family("iptables-nft"), ...LEGACY, ...family("ip6tables-nft")],
    });
    expect(ipv6).toMatchObject({ mode: "nft", restore: `${SBIN}/ip6tables-nft-restore` });
    const without = await find({ programs: [...family("iptables-nft"), ...family("ip6tables-legacy")] });
    expect(without.ipv6).toEqual({
      unusable:
        "neither ip6tables-nft nor ip6tables is there; neither ip6tables-nft-save nor ip6tables-save is there; " +
        "neither ip6tables-nft-restore nor ip6tables-restore is there",
    });
  });

  test("IPv6 is not looked at where it is not asked for", async () => {
    expect((await find({ programs: NFT }, {}, false)).ipv6).toEqual({ unusable: "only IPv4 is asked for" });
  });

  test("no program is run where one mode alone is there", async () => {
    const machine = host({ programs: NFT });
    await findExecutables({ given: {}, ipv6: true }, machine);
    expect(machine.asked).toEqual([]);
  });
});

describe("where the kernel has no nf_tables", () => {
  test("legacy is what is used, and nft's programs are not run", async () => {
    const machine = host({ ...FULL, rules: { nft: undefined, legacy: "" }, kernel: "old" });
    const found = await findExecutables({ given: {}, ipv6: true }, machine);
    expect(found).toMatchObject({ ipv4: { mode: "legacy" }, ipv6: { mode: "legacy" }, notes: [] });
    expect(machine.asked).toEqual([]);
  });

  test("nft alone is of no use", async () => {
    await expect(find({ programs: NFT, kernel: "old" })).rejects.toMatchObject({
      code: "IPTABLES_UNUSABLE",
      message: expect.stringMatching(/nft: the kernel has no nf_tables\n.*legacy: neither/),
    });
  });
});

describe("all that may have rules", () => {
  const names = async (machine: Machine) => {
    const all = await allExecutables({}, host(machine));
    return all.map(({ family, mode }) => `${family} ${mode}`);
  };

  test.each<[string, Machine["rules"], string[]]>([
    ["no table", { nft: "", legacy: "" }, []],
    ["tables of nft", { nft: NO_RULES, legacy: "" }, ["4 nft", "6 nft"]],
    ["tables of legacy", { nft: "", legacy: NO_RULES }, ["4 legacy", "6 legacy"]],
    ["tables of both", { nft: NO_RULES, legacy: NO_RULES }, ["4 nft", "4 legacy", "6 nft", "6 legacy"]],
  ])("with %s", async (_title, rules, expected) => {
    expect(await names({ ...FULL, ...(rules === undefined ? {} : { rules }) })).toEqual(expected);
  });

  test("without root nobody can know", async () => {
    expect(await names({ ...FULL, root: false })).toHaveLength(4);
  });

  test("what was chosen comes first in any case", async () => {
    const chosen = executables("nft");
    expect(await allExecutables({ chosen: [chosen] }, host(FULL))).toEqual([chosen]);
  });
});

function executables(mode: Mode): Executables {
  const base = `${SBIN}/iptables-${mode}`;
  return { family: 4, mode, iptables: base, save: `${base}-save`, restore: `${base}-restore` };
}

describe("where both modes are there, the rules decide", () => {
  test.each<[string, string | undefined, string | undefined, Mode, RegExp?]>([
    ["nobody has any", "", "", "nft"],
    ["legacy has empty tables", "", NO_RULES, "nft"],
    ["only legacy has some", NO_RULES, A_RULE, "legacy"],
    ["only nft has some", A_RULE, NO_RULES, "nft"],
    ["both have some", A_RULE, A_RULE, "nft", /Both .* have rules/],
    ["Docker is in legacy", A_RULE, DOCKER, "legacy"],
    ["Docker is in nft", DOCKER, A_RULE, "nft"],
    ["Docker is in both", DOCKER, DOCKER, "nft", /Both .* have rules/],
    ["nft does not work", undefined, "", "legacy", /nft does not work: .*Protocol not supported/],
    ["legacy does not work", A_RULE, undefined, "nft", /legacy does not work: .*Protocol not supported/],
  ])("%s", async (_title, nft, legacy, mode, note) => {
    const found = await find({ ...FULL, rules: { nft, legacy } });
    expect([found.ipv4.mode, "mode" in found.ipv6 && found.ipv6.mode]).toEqual([mode, mode]);
    expect(found.notes).toEqual(note === undefined ? [] : [expect.stringMatching(note)]);
  });

  test("the legacy program is not run where legacy has no table", async () => {
    const machine = host(FULL);
    await findExecutables({ given: {}, ipv6: true }, machine);
    expect(machine.asked).toEqual([`${SBIN}/iptables-nft-save`]);
  });

  test("without root nobody can know", async () => {
    const machine = host({ ...FULL, root: false });
    const found = await findExecutables({ given: {}, ipv6: true }, machine);
    expect(found).toMatchObject({ ipv4: { mode: "nft" }, notes: [expect.stringMatching(/^Only root/)] });
    expect(machine.asked).toEqual([]);
  });
});

test.each<[string, boolean]>([
  ["", false],
  [NO_RULES, false],
  [A_RULE, true],
  [DOCKER, true],
  ["*filter\n:INPUT ACCEPT [0:0]\n:THEIRS - [0:0]\n-A INPUT -j DROP\nCOMMIT\n", false],
  ["*filter\n-A INPUT -j DROP\nCOMMIT\n*raw\n-A OUTPUT -j ACCEPT\nCOMMIT\n", true],
])("rules that count: %j", (text, expected) => {
  expect(hasRules(text)).toBe(expected);
});

describe("nothing usable", () => {
  test.each<[string, Machine, RegExp]>([
    [
      "nothing",
      { programs: [] },
      /neither iptables-nft nor iptables is there.*\n.*legacy: neither iptables-legacy /s,
    ],
    [
      "half a family",
      { programs: ["iptables-nft", "iptables-nft-save"] },
      /nft: neither iptables-nft-restore nor iptables-restore is there\n/,
    ],
    [
      "mixed",
      {
        programs: family("iptables"),
        modes: { iptables: "nft", "iptables-save": "nft", "iptables-restore": "legacy" },
      },
      /nft: iptables-nft-restore is not there, and iptables-restore is legacy\n/,
    ],
    [
      "broken",
      {
        programs: family("iptables"),
        modes: { iptables: "nft", "iptables-save": "nft", "iptables-restore": "broken" },
      },
      /iptables-restore does not work \(\/usr\/sbin\/iptables-restore: killed\)/,
    ],
  ])("%s", async (_title, machine, words) => {
    await expect(find(machine)).rejects.toMatchObject({
      code: "IPTABLES_UNUSABLE",
      message: expect.stringMatching(words),
      hint: expect.stringMatching(/apt-get install iptables.*--iptables-executables/),
    });
  });
});

const OWN = ["/opt/a", "/opt/b", "/opt/c"] as const;
const OWN6 = ["/opt/d", "/opt/e", "/opt/f"] as const;

function given(base: "iptables" | "ip6tables", paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path, index) => [`${base}${PARTS[index]}`, path]));
}

function machineWith(...modes: readonly (Mode | "broken")[]): Machine {
  const paths = [...OWN, ...OWN6].slice(0, modes.length);
  return {
    programs: [...FULL.programs, ...paths],
    modes: Object.fromEntries(paths.map((path, index) => [path, modes[index] ?? "nft"])),
  };
}

describe("programs that the user names", () => {
  test("are used, and IPv6 follows", async () => {
    const { ipv4, ipv6 } = await find(machineWith("legacy", "legacy", "legacy"), given("iptables", OWN));
    expect(ipv4).toEqual({ family: 4, mode: "legacy", iptables: OWN[0], save: OWN[1], restore: OWN[2] });
    expect(ipv6).toMatchObject({ mode: "legacy", save: `${SBIN}/ip6tables-legacy-save` });
  });

  test("for IPv6 alone decide for IPv4", async () => {
    const machine = machineWith("nft", "nft", "nft", "legacy", "legacy", "legacy");
    const { ipv4, ipv6 } = await find(machine, given("ip6tables", OWN6));
    expect(ipv4).toMatchObject({ mode: "legacy", save: `${SBIN}/iptables-legacy-save` });
    expect(ipv6).toMatchObject({ mode: "legacy", save: OWN6[1] });
  });

  test.each<[string, Machine, Record<string, string>, RegExp[]]>([
    ["missing", machineWith("nft", "nft"), given("iptables", OWN), [/\/opt\/c does not exist/]],
    [
      "broken",
      machineWith("nft", "nft", "broken"),
      given("iptables", OWN),
      [/\/opt\/c does not work: .*killed/],
    ],
    [
      "mixed",
      machineWith("nft", "legacy", "nft"),
      given("iptables", OWN),
      [/\/opt\/a is nft, \/opt\/b is legacy, \/opt\/c is nft: all must be of one kind/],
    ],
    [
      "mixed families",
      machineWith("nft", "nft", "nft", "legacy", "legacy", "legacy"),
      { ...given("iptables", OWN), ...given("ip6tables", OWN6) },
      [/\/opt\/a is nft, \/opt\/d is legacy/],
    ],
    [
      "several problems at once",
      machineWith("broken"),
      { ...given("iptables", OWN), ...given("ip6tables", OWN6) },
      [/\/opt\/a does not work/, /\/opt\/f does not exist/],
    ],
  ])("%s", async (_title, machine, names, words) => {
    const error: unknown = await find(machine, names).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    for (const word of words) expect(String(error)).toMatch(word);
  });
});

test.each<[string, Mode]>([
  ["iptables v1.8.9 (nf_tables)", "nft"],
  ["iptables-save v1.8.9 (legacy)", "legacy"],
  ["iptables v1.6.1", "legacy"],
])("the mode of %s", (version, mode) => {
  expect(parseMode(version)).toBe(mode);
});

test("names of programs", () => {
  expect(nameOf(4, "iptables")).toBe("iptables");
  expect(nameOf(6, "save", "legacy")).toBe("ip6tables-legacy-save");
});
