import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { variableOf } from "../../../src/config/setting.ts";
import { GIVABLES } from "../../../src/config/settings.ts";
import { read } from "./support.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-config-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe("what counts", () => {
  const variables = { KUMA_TRANSPARENT_PROXY_WAIT: "3", KUMA_TRANSPARENT_PROXY_LOG_LEVEL: "3" };

  test("is the flag, else the variable, else the last file, else the default", async () => {
    const first = file("first.yaml", "wait: 1\nwaitInterval: 1\nlog:\n  level: 1\nverbose: true\n");
    const second = file("second.json", '{"wait": 2, "waitInterval": 2}');
    const { resolved, warnings } = await read([`--config=${first},${second}`, "--wait=4"], variables);
    const { wait, waitInterval, log, verbose, dryRun } = resolved?.config ?? {};
    expect({ wait, waitInterval, level: log?.level, verbose, dryRun, warnings }).toEqual({
      ...{ wait: 4, level: 3, waitInterval: 2, verbose: true, dryRun: false, warnings: [] },
    });
    expect(Object.fromEntries(resolved?.sources ?? [])).toMatchObject({
      wait: "--wait",
      "log.level": "KUMA_TRANSPARENT_PROXY_LOG_LEVEL",
      waitInterval: `${second}:waitInterval (line 1)`,
      verbose: `${first}:verbose (line 5)`,
      dryRun: "default",
    });
  });

  test("is the variable without any file, too", async () => {
    expect((await read([], variables)).resolved?.config.wait).toBe(3);
  });

  test("of a list is the last one, whole", async () => {
    const words = [
      "--config=redirect: {inbound: {excludePorts: [1, 2]}}",
      "--config=redirect: {inbound: {excludePorts: 3}}",
    ];
    expect((await read(words)).resolved?.config.redirect.inbound.excludePorts).toEqual([3]);
  });
});

test.each(GIVABLES.map((setting) => [variableOf(setting), setting] as const))(
  "%s is read",
  async (name, setting) => {
    const { resolved, problems, warnings } = await read([], { [name]: "\0" });
    // No setting may be a NUL byte: what is read complains.
    expect(warnings).toEqual([]);
    expect(problems.map(({ source }) => source)).toContain(name);
    expect([resolved, setting.env]).toEqual([undefined, name.replace("KUMA_TRANSPARENT_PROXY_", "")]);
  },
);

test("rules for users in a variable, with commas in them and between them", async () => {
  const rulesOf = async (text: string) =>
    (
      await read([], { KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_EXCLUDE_PORTS_FOR_UIDS: text })
    ).resolved?.config.redirect.outbound.excludePortsForUIDs.map(({ protocol, ports, uids }) => [
      protocol,
      ports.length,
      uids.length,
    ]);
  expect(await rulesOf("tcp:80,443:1,2")).toEqual([["tcp", 2, 2]]);
  expect(await rulesOf("tcp:80:1,udp:53:2")).toEqual([
    ["tcp", 1, 1],
    ["udp", 1, 1],
  ]);
  expect(await rulesOf("tcp:80,443:1;udp:53:2")).toEqual([
    ["tcp", 2, 1],
    ["udp", 1, 1],
  ]);
});

describe("the address of the instance", () => {
  const addresses = async (words: string[], variables: Record<string, string>) => {
    const { resolved, notes } = await read(words, variables);
    return [resolved?.config.ebpf.instanceIPs.map(({ bytes }) => bytes.join(".")), notes.length];
  };
  test.each<[string, string[], Record<string, string>, unknown]>([
    ["INSTANCE_IP with eBPF", ["--ebpf-enabled"], { INSTANCE_IP: "10.0.0.1" }, [["10.0.0.1"], 0]],
    ["INSTANCE_IP without", [], { INSTANCE_IP: "10.0.0.1" }, [[], 0]],
    ["nothing", ["--ebpf-enabled"], {}, [[], 0]],
    [
      "the flag over the variable",
      ["--ebpf-enabled", "--ebpf-instance-ip=10.0.0.2"],
      { INSTANCE_IP: "10.0.0.1" },
      [["10.0.0.2"], 0],
    ],
    [
      "an empty flag",
      ["--ebpf-enabled", "--ebpf-instance-ip="],
      { INSTANCE_IP: "10.0.0.1" },
      [["10.0.0.1"], 0],
    ],
    [
      "a variable with a name of its own",
      ["--config=ebpf: {instanceIPEnvVarName: X}"],
      { X: "10.0.0.3" },
      [["10.0.0.3"], 0],
    ],
    ["one that is not set", ["--config=ebpf: {instanceIPEnvVarName: X}"], {}, [[], 1]],
  ])("%s", async (_title, words, variables, expected) => {
    expect(await addresses(words, variables)).toEqual(expected);
  });

  test("is named by its variable where it is none", async () => {
    const { problems } = await read(["--ebpf-enabled"], { INSTANCE_IP: "x" });
    expect(problems).toEqual([{ source: "INSTANCE_IP", message: expect.stringMatching(/"x" is not an IP/) }]);
  });
});

describe("both DNS modes", () => {
  const CAPTURE = { KUMA_TRANSPARENT_PROXY_REDIRECT_DNS_CAPTURE_ALL: "true" };
  const ENABLED = { KUMA_TRANSPARENT_PROXY_REDIRECT_DNS_ENABLED: "true" };
  const SOME_FILE = "--config=redirect: {dns: {enabled: true}}";
  const ALL_FILE = "--config=redirect: {dns: {captureAll: true}}";
  /** As Kuma's control plane writes it. */
  const BOTH_FILE = "--config=redirect: {dns: {enabled: true, captureAll: true}}";

  test.each<[string, string[], Record<string, string>, string, string]>([
    [
      "two flags",
      ["--redirect-dns", "--redirect-all-dns-traffic"],
      {},
      "--redirect-dns",
      "--redirect-all-dns",
    ],
    ["two variables", [], { ...CAPTURE, ...ENABLED }, "KUMA_.*_DNS_ENABLED", "KUMA_.*_DNS_CAPTURE_ALL"],
    [
      "two files",
      [SOME_FILE, ALL_FILE],
      {},
      "--config:redirect.dns.enabled",
      "--config:redirect.dns.captureAll",
    ],
    [
      "two files, the other way round",
      [ALL_FILE, SOME_FILE],
      {},
      "--config:.*enabled",
      "--config:.*captureAll",
    ],
    ["a flag and a variable", ["--redirect-dns"], CAPTURE, "--redirect-dns", "KUMA_.*_DNS_CAPTURE_ALL"],
    [
      "a variable and a flag",
      ["--redirect-all-dns-traffic"],
      ENABLED,
      "KUMA_.*_DNS_ENABLED",
      "--redirect-all-dns",
    ],
    ["a file and a variable", [SOME_FILE], CAPTURE, "--config:.*enabled", "KUMA_.*_DNS_CAPTURE_ALL"],
    ["a variable and a file", [ALL_FILE], ENABLED, "KUMA_.*_DNS_ENABLED", "--config:.*captureAll"],
    [
      "a file and a flag",
      [SOME_FILE, "--redirect-all-dns-traffic"],
      {},
      "--config:.*enabled",
      "--redirect-all-dns",
    ],
    ["a flag and a file", [ALL_FILE, "--redirect-dns"], {}, "--redirect-dns", "--config:.*captureAll"],
    [
      "a flag and a file of Kuma's",
      [BOTH_FILE, "--redirect-dns"],
      {},
      "--redirect-dns",
      "--config:.*captureAll",
    ],
    ["a variable and one", [BOTH_FILE], ENABLED, "KUMA_.*_DNS_ENABLED", "--config:.*captureAll"],
  ])("are an error: %s", async (_title, words, variables, source, other) => {
    expect((await read(words, variables)).problems).toEqual([
      {
        source: expect.stringMatching(new RegExp(`^${source}`)),
        message: expect.stringMatching(new RegExp(`for some name servers and ${other}.* for all of them`)),
      },
    ]);
  });

  test.each<[string, string[], Record<string, string>]>([
    ["both keys in one file, as Kuma's control plane has them", [BOTH_FILE], {}],
    ["a file over such a one that repeats one of them", [BOTH_FILE, SOME_FILE], {}],
    ["a file over such a one that repeats the other", [BOTH_FILE, ALL_FILE], {}],
    ["a flag that says the same as such a file", [BOTH_FILE, "--redirect-all-dns-traffic"], {}],
    ["a variable that does", [BOTH_FILE], CAPTURE],
    ["all alone", ["--redirect-all-dns-traffic"], {}],
    ["all, and not some", ["--redirect-dns=false", "--redirect-all-dns-traffic"], {}],
  ])("are no error, and mean all: %s", async (_title, words, variables) => {
    const { resolved } = await read(words, variables);
    expect(resolved?.config.redirect.dns).toMatchObject({ enabled: true, captureAll: true });
  });

  test.each<[string, string[], Record<string, string>]>([
    ["a flag that takes all back", [BOTH_FILE, "--redirect-all-dns-traffic=false"], {}],
    [
      "a flag that takes all back for some",
      [ALL_FILE, "--redirect-all-dns-traffic=false", "--redirect-dns"],
      {},
    ],
  ])("are not there, and it means some: %s", async (_title, words, variables) => {
    const { resolved } = await read(words, variables);
    expect(resolved?.config.redirect.dns).toMatchObject({ enabled: true, captureAll: false });
  });
});

describe("a source that cannot be read", () => {
  test.each<[string, () => string, RegExp]>([
    ["a file that is not there", () => join(directory, "nowhere.yaml"), /no such file/],
    ["a directory", () => directory, /is a directory/],
    ["a file below a file", () => join(file("f", ""), "x"), /not a directory/],
    ["a name with a NUL byte", () => "a\0b", /NUL/],
    ["100 MiB", () => file("big", Buffer.alloc(100 << 20, "a")), /larger than 4 MiB/],
    ["no end", () => "/dev/zero", /larger than 4 MiB/],
    ["binary garbage", () => file("bin", Buffer.of(0x7f, 0x45, 10, 0, 0xff)), /NUL byte in line 2/],
    ["UTF-16", () => file("u16", Buffer.from("wait: 1", "utf16le")), /NUL byte/],
    ["Latin 1", () => file("l1", Buffer.of(0x61, 0xe4)), /not UTF-8/],
  ])("%s", async (_title, path, expected) => {
    const started = performance.now();
    const { problems } = await read([`--config=${path()}`]);
    expect(problems).toEqual([
      { source: expect.stringMatching(/^--config: /), message: expect.stringMatching(expected) },
    ]);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("is reported with all that is wrong elsewhere", async () => {
    const { problems } = await read(
      ["--config=/nowhere,-", "--config=-", "--wait=x"],
      { KUMA_TRANSPARENT_PROXY_LOG_LEVEL: "9" },
      "redirect: 5",
    );
    expect(problems.map(({ source }) => source)).toEqual([
      "--config: /nowhere",
      "stdin:redirect (line 1)",
      "--config",
      "KUMA_TRANSPARENT_PROXY_LOG_LEVEL",
      "--wait",
    ]);
  });
});

test.each([
  ["a file whose name has a comma", ",b.yaml", 1],
  ["nothing", "", undefined],
])("%s", async (_title, name, expected) => {
  const path = name === "" ? "" : file(name, "wait: 1");
  const { resolved } = await read([`--config=${path}`]);
  expect(resolved?.config.wait).toBe(expected ?? 5);
});

test("a variable that is nearly one is warned of; others are none of ours", async () => {
  const { warnings } = await read([], { KUMA_TRANSPARENT_PROXY_DRYRUN: "1", KUMA_OTHER: "1" });
  expect(warnings).toEqual([
    "the variable KUMA_TRANSPARENT_PROXY_DRYRUN is not known; did you mean KUMA_TRANSPARENT_PROXY_DRY_RUN?",
  ]);
});

test.each([
  ["storeFirewalld", "true", 0],
  ["cniMode", "true", 1],
  ["redirect.inbound.excludePortsForUIDs", '["1000"]', 1],
  ["redirect.inbound.excludePortsForUIDs", "[]", 0],
])("%s: %s of a file is taken, with %i notes", async (key, value, count) => {
  const { notes, resolved, problems } = await read([`--config=${toYaml(key, value)}`]);
  expect([notes.length, problems]).toEqual([count, []]);
  expect(resolved).toBeDefined();
});

function toYaml(key: string, value: string): string {
  const names = key.split(".");
  return `${names.join(": {")}: ${value}${"}".repeat(names.length - 1)}`;
}
