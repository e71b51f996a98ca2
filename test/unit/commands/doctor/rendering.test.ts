import { expect, test } from "vitest";
import type { Examination } from "../../../../src/commands/doctor/examination.ts";
import { renderJson } from "../../../../src/commands/doctor/render-json.ts";
import { renderText } from "../../../../src/commands/doctor/render-text.ts";

const LONG = "word ".repeat(60).trim();

const EXAMINATION: Examination = {
  kernel: "5.10.0",
  root: true,
  checks: {
    configuration: [{ name: "configuration", what: "a plan", state: "ok", found: "fits", remedy: undefined }],
    ebpf: [
      { name: "kernel", what: "a kernel", state: "ok", found: "5.10.0", remedy: "Not shown." },
      {
        name: "tcx",
        what: "links to tc",
        state: "limited",
        found: "EINVAL: filters",
        remedy: "Use Linux 6.6.",
      },
      {
        name: "cgroup2",
        what: "a cgroup2",
        state: "missing",
        found: "none",
        remedy: "Mount it.",
        code: "CGROUP_UNUSABLE",
      },
      { name: "a", what: "a thing", state: "unknown", found: "EPERM", remedy: "Ask root." },
      { name: "b", what: "another", state: "unknown", found: "EPERM", remedy: "Ask root." },
    ],
    iptables: [{ name: "nat", what: "the table nat", state: "missing", found: LONG, remedy: LONG }],
  },
  others: {
    leftovers: [
      {
        kind: "cgroup-program",
        cgroup: "/cgroup",
        type: "connect4",
        exclusive: true,
        programId: 7,
        name: "mb_sock_connect",
      },
    ],
    programs: [{ place: "device on cgroup /cgroup", programId: 8, name: "sd_devices" }],
  },
  choice: { engine: "iptables", reason: "no cgroup2", remedy: "Mount it.", outcome: "fallback" },
  ways: [
    {
      flag: "(no flag)",
      choice: { engine: "iptables", reason: "nothing asks for eBPF", outcome: "as-asked" },
    },
    { flag: "--engine=ebpf", choice: { engine: undefined, reason: LONG, outcome: "impossible" } },
  ],
};

test("text: one line a check, what to do below a failure, the choice at the end", () => {
  const text = renderText(EXAMINATION).join("\n");
  expect(text).toContain(
    [
      "eBPF engine",
      "  ok       a kernel: 5.10.0",
      "  limited  links to tc: EINVAL: filters",
      "           -> Use Linux 6.6.",
      "  MISSING  a cgroup2: none",
      "           -> Mount it.",
      "  unknown  a thing: EPERM",
      "  unknown  another: EPERM",
      "           -> Ask root.",
      "",
      "iptables engine",
    ].join("\n"),
  );
  expect(text).toMatch(/^Linux 5\.10\.0, as root$/m);
  expect(text).toMatch(/^ {2}\(no flag\) {7}iptables {2}nothing asks for eBPF$/m);
  expect(text).toMatch(/^ {2}--engine=ebpf {3}nothing {3}word /m);
  expect(text).toMatch(/\n\ninstall would use: iptables, because no cgroup2\n-> Mount it\.$/);
});

test("text: plain ASCII, and no line is too long", () => {
  for (const line of renderText(EXAMINATION)) {
    expect(line).toMatch(/^[ -~]*$/);
    expect(line.length).toBeLessThanOrEqual(110);
    expect(line).toBe(line.trimEnd());
  }
});

test("text: what others left with what to do, and what is somebody's own", () => {
  const text = renderText(EXAMINATION).join("\n");
  expect(text).toMatch(/^ {2}- mb_sock_connect \(program 7\), connect4 on cgroup \/cgroup; /m);
  expect(text).toMatch(/^ {2}-> `tproxyctl uninstall --leftovers` removes it/m);
  expect(text).toMatch(/^not ours: .*\n {2}- sd_devices \(program 8\), device on cgroup \/cgroup$/m);
  const { others: _, ...rest } = EXAMINATION;
  expect(renderText({ ...rest, others: undefined }).join("\n")).not.toMatch(/not ours|left by/);
});

test("text: a word that is longer than a line stays whole", () => {
  const path = `/${"x".repeat(150)}`;
  const check = { name: "p", what: "a path", state: "ok", found: path, remedy: undefined } as const;
  const lines = renderText({ ...EXAMINATION, checks: { ...EXAMINATION.checks, ebpf: [check] } });
  expect(lines.some((line) => line.trim() === path)).toBe(true);
});

test("text: without root it says what that means, and where install would fail, so", () => {
  const choice = { engine: undefined, reason: "all is wrong", outcome: "impossible" } as const;
  const lines = renderText({ ...EXAMINATION, root: false, choice });
  expect(lines[0]).toMatch(/^Linux 5\.10\.0, not as root: .*only root can find out$/);
  expect(lines.at(-1)).toBe("install would fail, because all is wrong");
});

test("JSON: every key is always there", () => {
  const { checks, ...rest } = JSON.parse(renderJson(EXAMINATION));
  expect(rest).toEqual({
    kernel: "5.10.0",
    root: true,
    others: {
      leftovers: [
        {
          ...EXAMINATION.others?.leftovers[0],
          what:
            "mb_sock_connect (program 7), connect4 on cgroup /cgroup; " +
            "it lets no other program be attached there by a link",
          remedy: expect.stringContaining("uninstall --leftovers"),
        },
      ],
      programs: EXAMINATION.others?.programs,
    },
    choice: { engine: "iptables", outcome: "fallback", reason: "no cgroup2", remedy: "Mount it." },
    ways: [
      {
        flag: "(no flag)",
        engine: "iptables",
        outcome: "as-asked",
        reason: "nothing asks for eBPF",
        remedy: null,
      },
      { flag: "--engine=ebpf", engine: null, outcome: "impossible", reason: LONG, remedy: null },
    ],
  });
  expect(checks.ebpf[2]).toEqual({
    name: "cgroup2",
    what: "a cgroup2",
    state: "missing",
    found: "none",
    remedy: "Mount it.",
    code: "CGROUP_UNUSABLE",
  });
  expect(checks.configuration[0]).toMatchObject({ remedy: null, code: null });
  expect(Object.keys(checks)).toEqual(["configuration", "ebpf", "iptables"]);
});
