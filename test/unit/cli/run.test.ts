import { Readable } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import type { Commands } from "../../../src/cli/commands.ts";
import { run } from "../../../src/cli/run.ts";
import type { CommandIo } from "../../../src/commands/io.ts";

/** Runs the command line with commands that only record what they were told. */
async function tproxyctl(...argv: string[]) {
  let stdout = "";
  let stderr = "";
  const told: Record<string, unknown> = {};
  const record = (name: string, status: number) => async (options: unknown, io: CommandIo) => {
    told[name] = options;
    io.out("a result");
    io.note("a note");
    return status;
  };
  const commands: Commands = {
    install: async () => ({
      runInstall: (config, options, io) => record("install", 0)({ ...config, ...options }, io),
    }),
    uninstall: async () => ({ runUninstall: record("uninstall", 0) }),
    uninstallLeftovers: async () => ({
      runUninstallLeftovers: async (options, io, ask) => {
        const answer = await ask("remove these? ");
        return record("leftovers", 0)({ ...options, answer }, io);
      },
    }),
    confirm: async () => ({ runConfirm: async (io) => record("confirm", 0)({}, io) }),
    putBack: async () => ({ runPutBack: record("put-back", 0) }),
    status: async () => ({ runStatus: record("status", 2) }),
    doctor: async () => ({
      runDoctor: (config, options, io) => record("doctor", 3)({ config, ...options }, io),
    }),
    explain: async () => ({
      runExplain: (given, options, io) => record("explain", 0)({ given, ...options }, io),
    }),
    configShow: async () => ({
      runConfigShow: (given, options, io) => record("config show", 0)({ ...given, ...options }, io),
    }),
    configSchema: async () => ({ runConfigSchema: (io) => record("config schema", 0)({}, io) }),
    dataplaneTransform: async () => ({ runDataplaneTransform: record("dataplane transform", 0) }),
    dataplaneCheck: async () => ({
      runDataplaneCheck: (given, options, io) => record("dataplane check", 1)({ given, ...options }, io),
    }),
    proxy: async () => ({ runProxy: record("proxy", 0) }),
    verify: async () => ({
      runVerify: (given, options, io) => record("verify", 0)({ ...given, ...options }, io),
    }),
    verifyProbe: async () => ({ serveProbe: async () => 0 }),
  };
  const environment = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    stdin: () => Readable.from([]),
    variables: {},
    untilTerminated: vi.fn(() => AbortSignal.abort()),
  };
  const status = await run(argv, environment, commands);
  return { status, stdout, stderr, told, environment };
}

describe("what others left", () => {
  test("is another command, with whom to ask", async () => {
    const options = { leftovers: true, yes: true, dryRun: false, answer: undefined };
    expect((await tproxyctl("uninstall", "--leftovers", "--yes")).told).toMatchObject({ leftovers: options });
    expect((await tproxyctl("uninstall", "--yes")).told).toMatchObject({ uninstall: { leftovers: false } });
  });
});

describe("what is of install alone", () => {
  test.each([
    [[], { force: false, confirmWithinMs: undefined }],
    [["--force"], { force: true }],
    [["--confirm-within", "1m30s"], { confirmWithinMs: 90_000 }],
  ])("%j", async (argv, options) => {
    expect(await tproxyctl("install", ...argv)).toMatchObject({ status: 0, told: { install: options } });
  });
  test.each(["0", "20ms", "soon", "1000h"])("no time to confirm: %s", async (time) => {
    const { status, stderr, told } = await tproxyctl("install", "--confirm-within", time);
    expect({ status, told }).toEqual({ status: 1, told: {} });
    expect(stderr.match(/^error: --confirm-within: /gm)).toHaveLength(1);
  });
  test("is none of doctor's, which answers for a configuration", async () => {
    expect(await tproxyctl("doctor", "--force")).toMatchObject({ status: 1, told: {} });
  });
});

describe("the version and the help", () => {
  test.each(["--version", "-V"])("%s", async (flag) => {
    expect(await tproxyctl(flag)).toMatchObject({ status: 0, stdout: "0.0.0-source\n", stderr: "" });
  });
  test("wherever it stands", async () => {
    expect(await tproxyctl("install", "--version")).toMatchObject({
      status: 0,
      stdout: "0.0.0-source\n",
      told: {},
    });
  });
  test.each([["--help"], ["-h"], ["help"]])("%s", async (...argv) => {
    const { status, stdout, stderr } = await tproxyctl(...argv);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const command of ["install", "uninstall", "status", "doctor", "config", "proxy"])
      expect(stdout).toContain(`  ${command} `);
  });
  test("of install has its flags with defaults, and none that is hidden", async () => {
    const { stdout } = await tproxyctl("install", "--help");
    expect(stdout).toMatch(/--redirect-inbound\[=BOOL\]/);
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(/--redirect-inbound-port <PORT> .*\(default: 15006\)/);
    expect(stdout).not.toMatch(/kuma-dp-uid|experimental|log-level/);
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(/--sleep-between-retries <DURATION> .*\(default: 2s\)/);
  });
  test("is what nothing at all is answered with, as an error", async () => {
    expect(await tproxyctl()).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/^Usage:/),
    });
  });
});

describe("install", () => {
  test("says a result on stdout and a note on stderr", async () => {
    expect(await tproxyctl("install")).toMatchObject({ status: 0, stdout: "a result\n", stderr: "a note\n" });
  });

  test.each([
    ["install"],
    ["install transparent-proxy"],
    ["install --verbose=false transparent-proxy"],
    ["--log-level debug --no-config install --context=x --api-timeout 1m"],
  ])("alone means transparent-proxy: %s", async (line) => {
    const { told } = await tproxyctl(...line.split(" "));
    expect(told).toMatchObject({ install: { redirect: { inbound: { port: 15006 } } } });
  });

  test("takes its flags", async () => {
    const { told, stderr } = await tproxyctl(
      ...[
        "install",
        "--verbose",
        "transparent-proxy",
        "--kuma-dp-user",
        "me",
        "--ebpf-enabled",
        "--dry-run=true",
      ],
      ...[
        "--ebpf-instance-ip",
        "10.0.0.1,10.0.0.2",
        "--ebpf-instance-ip=fd00::1",
        "--ebpf-tc-attach-iface",
        "eth0",
      ],
      ...[
        "--ebpf-programs-source-path=/p",
        "--ebpf-cgroup-path",
        "/c",
        "--ebpf-bpffs-path",
        "/b",
        "--redirect-inbound=F",
      ],
      ...[
        "--redirect-inbound-port=1",
        "--redirect-outbound-port",
        "2",
        "--exclude-inbound-ports",
        "",
        "--ip-family-mode",
      ],
      ...["IPv4", "--exclude-outbound-ports", "1", "--exclude-outbound-ports", "4,3"],
    );
    expect(stderr).toBe("a note\n");
    expect(told).toMatchObject({
      install: {
        kumaDPUser: "me",
        ipFamilyMode: "ipv4",
        dryRun: true,
        verbose: true,
        redirect: {
          inbound: { enabled: false, port: 1, excludePorts: [] },
          outbound: { enabled: true, port: 2, excludePorts: [3, 4] },
        },
        ebpf: {
          enabled: true,
          instanceIPs: [{ family: 4 }, { family: 4 }, { family: 6 }],
          bpffsPath: "/b",
          cgroupPath: "/c",
          programsSourcePath: "/p",
          tcAttachIface: "eth0",
        },
      },
    });
  });

  test("takes the flags of DNS, exclusions, networks and iptables", async () => {
    const { told, stderr } = await tproxyctl(
      ...["install", "--engine", "iptables", "--redirect-all-dns-traffic", "--redirect-dns-port", "53"],
      ...[
        "--skip-dns-conntrack-zone-split",
        "--drop-invalid-packets",
        "--iptables-logs",
        "--disable-comments",
      ],
      ...["--exclude-inbound-ips", "10.0.0.1,fd00::/8", "--exclude-inbound-ips", "10.0.0.2"],
      ...["--exclude-outbound-ips=192.0.2.0/24", "--vnet", "docker0:172.17.0.0/16", "--vnet=br+:fd00::/64"],
      ...["--exclude-outbound-ports-for-uids", "tcp:80,443:1000", "--exclude-outbound-ports-for-uids=1001"],
      ...[
        "--redirect-inbound-insert-instead-of-append",
        "--redirect-outbound-insert-instead-of-append=false",
      ],
      ...["--wait", "0", "--wait-interval=10", "--max-retries", "1", "--sleep-between-retries", "1m30s"],
      ...["--iptables-executables", "iptables:/a,iptables-save:/b,iptables-restore:/c"],
    );
    expect(stderr).toBe("a note\n");
    expect(told).toMatchObject({
      install: {
        engine: "iptables",
        redirect: {
          inbound: {
            excludePortsForIPs: [{ length: 32 }, { length: 8 }, { length: 32 }],
            insertRedirectInsteadOfAppend: true,
          },
          outbound: {
            excludePortsForIPs: [{ length: 24 }],
            excludePortsForUIDs: [{ protocol: "tcp" }, { protocol: "tcp" }, { protocol: "udp" }],
            insertRedirectInsteadOfAppend: false,
          },
          dns: { enabled: true, captureAll: true, port: 53, skipConntrackZoneSplit: true },
          vnet: { networks: [{ interface: "docker0" }, { interface: "br+" }] },
        },
        dropInvalidPackets: true,
        log: { enabled: true, level: 7 },
        comments: { disabled: true },
        wait: 0,
        waitInterval: 10,
        retry: { maxRetries: 1, sleepBetweenRetriesMs: 90_000 },
        iptablesExecutables: { iptables: "/a", "iptables-save": "/b", "iptables-restore": "/c" },
      },
    });
  });

  test("refuses both DNS flags at once", async () => {
    const { status, stderr, told } = await tproxyctl(
      "install",
      "--redirect-dns",
      "--redirect-all-dns-traffic",
    );
    expect({ status, told }).toEqual({ status: 1, told: {} });
    expect(stderr).toMatch(/^error: --redirect-dns: .*--redirect-all-dns-traffic/);
  });

  test("takes what Kuma's init container gives it", async () => {
    const { told } = await tproxyctl(
      ...["install", "transparent-proxy", "--redirect-outbound-port", "15001", "--redirect-inbound=true"],
      ...["--redirect-inbound-port", "15006", "--kuma-dp-uid", "5678", "--exclude-inbound-ports", ""],
      ...["--exclude-outbound-ports", "", "--verbose", "--ip-family-mode", "dualstack", "--ebpf-enabled"],
    );
    expect(told).toMatchObject({ install: { kumaDPUser: "5678", verbose: true } });
  });

  test("notes what is deprecated, once", async () => {
    const line = "install --kuma-dp-uid 1 --kuma-dp-uid 2 --experimental-transparent-proxy-engine";
    const { status, stderr } = await tproxyctl(...line.split(" "));
    expect(status).toBe(0);
    expect(stderr.match(/^note: .*/gm)).toEqual([
      expect.stringMatching(/--kuma-dp-user/),
      expect.stringMatching(/does nothing/),
    ]);
  });

  test("reports all problems and does nothing", async () => {
    const { status, stderr, told } = await tproxyctl(
      "install",
      "--redirect-inbound-port=0",
      "--ip-family-mode",
      "x",
    );
    expect({ status, told }).toEqual({ status: 1, told: {} });
    expect(stderr).toMatch(
      /^error: --ip-family-mode: "x".*\nerror: --redirect-inbound-port: "0".*\n code: CONFIG_INVALID\n$/,
    );
  });
});

describe("the other commands", () => {
  test("uninstall", async () => {
    const none = await tproxyctl("uninstall");
    const own = { leftovers: false, yes: false };
    expect(none.told).toEqual({ uninstall: { dryRun: false, verbose: false, bpffsPath: undefined, ...own } });
    const line = "uninstall transparent-proxy --dry-run --verbose --ebpf-enabled --ebpf-bpffs-path /b";
    const all = await tproxyctl(...line.split(" "));
    expect(all.told).toEqual({ uninstall: { dryRun: true, verbose: true, bpffsPath: "/b", ...own } });
  });

  test("status, whose exit status is passed on", async () => {
    const { status, told } = await tproxyctl("status", "--json", "--ebpf-bpffs-path=/b");
    expect(told).toEqual({ status: { json: true, bpffsPath: "/b" } });
    expect(status).toBe(2);
  });

  test("doctor, which is told what install would be", async () => {
    const { status, told } = await tproxyctl("doctor", "--json", "--ebpf-enabled", "--engine=auto");
    expect(told).toMatchObject({
      doctor: { json: true, config: { engine: "auto", ebpf: { enabled: true } } },
    });
    expect(status).toBe(3);
  });

  test("config show, which is told the configuration and where it came from", async () => {
    const { told } = await tproxyctl("config", "show", "--json", "--wait=7");
    expect(told).toMatchObject({ "config show": { json: true, config: { wait: 7 } } });
  });

  test("config schema", async () => {
    expect((await tproxyctl("config", "schema")).told).toEqual({ "config schema": {} });
    expect(await tproxyctl("config")).toMatchObject({ status: 1, told: {} });
  });

  test("proxy, the only one that handles signals", async () => {
    const { told, environment } = await tproxyctl(
      "proxy",
      "--json",
      "--inbound-port",
      "1",
      "--ip-family-mode=ipv4",
    );
    const options = {
      inboundPort: 1,
      outboundPort: 15001,
      ipv6: false,
      json: true,
      allowRoot: false,
      user: "",
    };
    expect(told).toEqual({ proxy: options });
    expect(environment.untilTerminated).toHaveBeenCalledOnce();
    expect((await tproxyctl("install")).environment.untilTerminated).not.toHaveBeenCalled();
  });

  test("proxy with one port for both directions", async () => {
    const { stderr, told } = await tproxyctl("proxy", "--inbound-port", "15001");
    expect(stderr).toMatch(/--inbound-port: .*15001/);
    expect(told).toEqual({});
  });
});

describe("a command line that is not understood", () => {
  test.each([
    ["instal", /unknown command 'instal'\n hint: Did you mean install\?/],
    [
      "install --redirect-inbund",
      /unknown option '--redirect-inbund'\n hint: Did you mean --redirect-inbound\?/,
    ],
    ["install ebpf", /unknown object 'ebpf'\n hint: .*install transparent-proxy/],
    ["uninstall transparent-proxy x", /too many arguments/],
    ["install --redirect-inbound-port", /argument missing/],
    ["status x", /too many arguments/],
    ["status --dry-run", /unknown option '--dry-run'/],
    ["nothing-like-it", /unknown command 'nothing-like-it'\n hint: `tproxyctl --help`/],
    ["install -x", /unknown option '-x'/],
  ])("%s", async (line, expected) => {
    const { status, stdout, stderr, told } = await tproxyctl(...line.split(" "));
    expect({ status, stdout, told }).toEqual({ status: 1, stdout: "", told: {} });
    expect(stderr).toMatch(expected);
    expect(stderr).toMatch(/ code: USAGE\n$/);
  });

  test("a word after a switch is not the switch's", async () => {
    const { stderr } = await tproxyctl("install", "--redirect-inbound", "false");
    expect(stderr).toMatch(/unknown object 'false'/);
  });
});

test("whatever a command throws is reported", async () => {
  let stderr = "";
  const boom = async () => {
    throw new Error("boom");
  };
  const commands: Commands = {
    install: boom,
    confirm: boom,
    putBack: boom,
    uninstall: boom,
    uninstallLeftovers: boom,
    status: boom,
    doctor: boom,
    explain: boom,
    dataplaneTransform: boom,
    dataplaneCheck: boom,
    proxy: boom,
    verify: boom,
    verifyProbe: boom,
    configShow: boom,
    configSchema: boom,
  };
  const environment = {
    stdout: { write: () => true },
    stderr: { write: (text: string) => (stderr += text) },
    stdin: () => Readable.from([]),
    variables: {},
    untilTerminated: () => AbortSignal.abort(),
  };
  expect(await run(["status"], environment, commands)).toBe(1);
  expect(stderr).toMatch(/a bug in tproxyctl: boom\n.* code: INTERNAL/s);
});
