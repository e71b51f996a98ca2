import { describe, expect, test } from "vitest";
import { TproxyError } from "../../../../src/core/errors.ts";
import { allExecutables } from "../../../../src/engine/iptables/all-executables.ts";
import type { Mode, ProgramPaths } from "../../../../src/engine/iptables/executables.ts";
import type { IptablesHost } from "../../../../src/engine/iptables/iptables-host.ts";
import type { AppliedRules } from "../../../../src/engine/iptables/record.ts";

/** The programs that there are, by their paths, and what each is; "broken": it does not even tell its version. */
type Programs = Readonly<Record<string, Mode | "broken">>;

function pathsIn(directory: string): ProgramPaths {
  const base = `${directory}/iptables`;
  return { iptables: base, save: `${base}-save`, restore: `${base}-restore` };
}

function programsIn(directory: string, mode: Programs[string]): Programs {
  return Object.fromEntries(Object.values(pathsIn(directory)).map((path) => [path, mode]));
}

/** Only IPv4 of nft has tables. */
function host(programs: Programs, hasTables = true): IptablesHost {
  const readMode = async (path: string) => {
    const mode = programs[path];
    if (mode === undefined || mode === "broken") throw new TproxyError("COMMAND_FAILED", `${path}: killed`);
    return mode;
  };
  return {
    findProgram: (program) => {
      const path = program.startsWith("/") ? program : `/usr/sbin/${program}`;
      return path in programs ? path : undefined;
    },
    distrust: (path) => (path.startsWith("/tmp/") ? "/tmp can be written to by everybody" : undefined),
    readMode,
    askMode: readMode,
    hasNftables: () => true,
    nftTables: (family) => (family === 4 && hasTables ? ["nat"] : []),
    legacyTables: () => [],
    save: async () => "",
  };
}

const applied = (programs?: ProgramPaths): AppliedRules => ({
  family: 4,
  mode: "nft",
  rules: ["nat OUTPUT -j RETURN"],
  ...(programs === undefined ? {} : { programs }),
});
const SYSTEM = programsIn("/usr/sbin", "nft");
const OPT = programsIn("/opt", "nft");
const GIVEN = {
  iptables: "/given/iptables",
  "iptables-save": "/given/iptables-save",
  "iptables-restore": "/given/iptables-restore",
} as const;

describe("rules are looked at with", () => {
  test.each<[string, Programs, string]>([
    ["what the user named", { ...programsIn("/given", "nft"), ...OPT, ...SYSTEM }, "/given"],
    ["what they were applied with", { ...OPT, ...SYSTEM }, "/opt"],
    [
      "that, where what the user named is of the other mode",
      { ...programsIn("/given", "legacy"), ...OPT },
      "/opt",
    ],
    ["that, where what the user named does not work", { ...programsIn("/given", "broken"), ...OPT }, "/opt"],
    ["the system's, where that is gone", SYSTEM, "/usr/sbin"],
    ["the system's, where that is legacy now", { ...programsIn("/opt", "legacy"), ...SYSTEM }, "/usr/sbin"],
  ])("%s", async (_title, programs, directory) => {
    const record = { applied: [applied(pathsIn("/opt"))] };
    const all = await allExecutables({ given: GIVEN, record }, host(programs));
    expect(all).toEqual([{ family: 4, mode: "nft", ...pathsIn(directory) }]);
  });
});

test("rules are not looked at with what others could change", async () => {
  const programs = { ...programsIn("/tmp/theirs", "nft"), ...SYSTEM };
  const { iptables, save, restore } = pathsIn("/tmp/theirs");
  const given = { iptables, "iptables-save": save, "iptables-restore": restore };
  const record = { applied: [applied(pathsIn("/tmp/theirs"))] };
  const all = await allExecutables({ given, record }, host(programs));
  expect(all).toEqual([{ family: 4, mode: "nft", ...pathsIn("/usr/sbin") }]);
});

describe("where no programs are left", () => {
  test.each([
    [applied(pathsIn("/opt")), /They were applied with \/opt\/iptables-restore, \/opt\/iptables-save/],
    [{ ...applied(), rules: [] }, /apt-get install iptables/],
  ])("for what is written down, that is an error", async (each, hint) => {
    await expect(allExecutables({ record: { applied: [each] } }, host({}))).rejects.toMatchObject({
      code: "IPTABLES_UNUSABLE",
      message: expect.stringMatching(/rules of IPv4 .* iptables-nft, .*neither iptables-nft nor iptables/),
      hint: expect.stringMatching(hint),
    });
  });

  test("nothing is written down, or the kernel has no table any more: there is nothing to look at", async () => {
    expect(await allExecutables({}, host({}))).toEqual([]);
    expect(await allExecutables({ record: { applied: [applied()] } }, host({}, false))).toEqual([]);
  });
});
