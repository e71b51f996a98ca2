import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { ERROR_CODES, type ErrorCode, TproxyError } from "../../../src/core/errors.ts";
import { withEngine } from "../../../src/engine/choose-engine.ts";
import type { EngineName } from "../../../src/engine/engine.ts";
import { type PredictedChoice, predictChoice } from "../../../src/engine/predict-choice.ts";
import type { CodedCheck } from "../../../src/engine/run-check.ts";

const EBPF = resolveConfig([]).config.ebpf;

type Asked = Pick<Config, "engine" | "ebpf">;
const NO_FLAG: Asked = { engine: "", ebpf: EBPF };
const EBPF_ENABLED: Asked = { engine: "", ebpf: { ...EBPF, enabled: true } };
const AUTO: Asked = { engine: "auto", ebpf: EBPF };
const ONLY_EBPF: Asked = { engine: "ebpf", ebpf: EBPF };
const ONLY_IPTABLES: Asked = { engine: "iptables", ebpf: { ...EBPF, enabled: true } };

function check(state: CodedCheck["state"], name: string, code?: ErrorCode): CodedCheck {
  const found = state === "ok" ? "here" : `${name} is ${state}`;
  const remedy = state === "ok" ? undefined : `Mend ${name}.`;
  return { name, what: `the ${name}`, state, found, remedy, ...(code === undefined ? {} : { code }) };
}

const GOOD = [check("ok", "a"), check("limited", "b")];
const BAD_EBPF = [check("ok", "a"), check("missing", "cgroup2", "CGROUP_UNUSABLE"), check("unknown", "c")];
const BAD_IPTABLES = [check("missing", "nat")];
const UNSEEN = [check("ok", "a"), check("unknown", "maps")];

type Expected = [PredictedChoice["engine"], PredictedChoice["outcome"], RegExp];

test.each<[string, Asked, readonly CodedCheck[], readonly CodedCheck[], Expected]>([
  ["no flag, all is there", NO_FLAG, GOOD, GOOD, ["iptables", "as-asked", /^nothing asks for eBPF$/]],
  ["no flag, no eBPF", NO_FLAG, BAD_EBPF, GOOD, ["iptables", "as-asked", /^nothing asks for eBPF$/]],
  [
    "no flag, no iptables",
    NO_FLAG,
    GOOD,
    BAD_IPTABLES,
    [undefined, "impossible", /iptables.*the nat: nat is/],
  ],
  ["no flag, iptables not seen", NO_FLAG, GOOD, UNSEEN, ["iptables", "uncertain", /could be looked at/]],
  ["--ebpf-enabled, all is there", EBPF_ENABLED, GOOD, GOOD, ["ebpf", "as-asked", /^all .* is there$/]],
  [
    "--ebpf-enabled, no eBPF",
    EBPF_ENABLED,
    BAD_EBPF,
    GOOD,
    ["iptables", "fallback", /: cgroup2 is missing$/],
  ],
  ["--ebpf-enabled, no iptables", EBPF_ENABLED, GOOD, BAD_IPTABLES, ["ebpf", "as-asked", /./]],
  [
    "--ebpf-enabled, neither",
    EBPF_ENABLED,
    BAD_EBPF,
    BAD_IPTABLES,
    [undefined, "impossible", /^ebpf .* cgroup2 is missing; iptables .* nat is missing$/],
  ],
  ["--ebpf-enabled, eBPF not seen", EBPF_ENABLED, UNSEEN, GOOD, ["ebpf", "uncertain", /could be looked at/]],
  [
    "--ebpf-enabled, no eBPF, iptables not seen",
    EBPF_ENABLED,
    BAD_EBPF,
    UNSEEN,
    ["iptables", "fallback", /./],
  ],
  [
    "--engine=auto, no iptables for virtual networks",
    AUTO,
    [...GOOD, check("missing", "networks", "IPTABLES_UNUSABLE")],
    BAD_IPTABLES,
    [undefined, "impossible", /^ebpf .* networks is missing$/],
  ],
  ["--engine=auto, all is there", AUTO, GOOD, GOOD, ["ebpf", "as-asked", /./]],
  ["--engine=auto, no eBPF", AUTO, BAD_EBPF, GOOD, ["iptables", "as-asked", /: cgroup2 is missing$/]],
  ["--engine=auto, no eBPF, iptables not seen", AUTO, BAD_EBPF, UNSEEN, ["iptables", "uncertain", /cgroup2/]],
  ["--engine=ebpf, all is there", ONLY_EBPF, GOOD, BAD_IPTABLES, ["ebpf", "as-asked", /./]],
  ["--engine=ebpf, no eBPF", ONLY_EBPF, BAD_EBPF, GOOD, [undefined, "impossible", /cgroup2 is missing/]],
  ["--engine=iptables", ONLY_IPTABLES, GOOD, GOOD, ["iptables", "as-asked", /^--engine=iptables asks/]],
  ["--engine=iptables, no iptables", ONLY_IPTABLES, GOOD, BAD_IPTABLES, [undefined, "impossible", /nat/]],
])("%s", (_title, asked, ebpf, iptables, [engine, outcome, reason]) => {
  const choice = predictChoice(asked, ebpf, iptables);
  expect(choice).toMatchObject({ engine, outcome, reason: expect.stringMatching(reason) });
  // Whatever is not as it was asked for comes with what to do about it.
  if (outcome !== "as-asked") expect(choice.remedy).toMatch(/^Mend /);
});

describe("of several things that are missing", () => {
  test("the one counts that install comes upon first, and the others are counted", () => {
    const ebpf = [
      check("missing", "libbpf", "LIBBPF_UNUSABLE"),
      check("missing", "hash maps"),
      check("missing", "kernel", "KERNEL_TOO_OLD"),
    ];
    const choice = predictChoice(EBPF_ENABLED, ebpf, GOOD);
    expect(choice.reason).toMatch(/: kernel is missing \(and 2 more\)$/);
    expect(choice.remedy).toBe("Mend kernel.");
  });

  test("both remedies are shown where neither engine works, and one that is the same for both once", () => {
    expect(predictChoice(EBPF_ENABLED, BAD_EBPF, BAD_IPTABLES).remedy).toBe("Mend cgroup2. Mend nat.");
    const user = check("missing", "user", "USER_UNKNOWN");
    expect(predictChoice(EBPF_ENABLED, [user], [user]).remedy).toBe("Mend user.");
  });
});

/** What the rule of `install` makes of an error of the eBPF engine. */
async function tried(code: ErrorCode): Promise<EngineName | undefined> {
  const act = async (engine: EngineName) => {
    if (engine === "ebpf") throw new TproxyError(code, "it does not work");
  };
  const done = await withEngine("ebpf-or-iptables", act, () => {}).catch(() => undefined);
  return done?.engine;
}

test.each(Object.keys(ERROR_CODES) as ErrorCode[])("iptables takes over as in install: %s", async (code) => {
  const { engine } = predictChoice(EBPF_ENABLED, [check("missing", "thing", code)], GOOD);
  expect(engine).toBe(await tried(code));
});

test("iptables takes over where a probe found nothing", () => {
  expect(predictChoice(EBPF_ENABLED, [check("missing", "hash maps")], GOOD)).toMatchObject({
    engine: "iptables",
    reason: expect.stringMatching(/the hash maps: hash maps is missing$/),
  });
});
