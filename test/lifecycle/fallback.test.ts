// Where eBPF cannot work, iptables takes over, and one line says why and what to do. --engine=ebpf makes that an error.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, type Result, TPNET, TPROXYCTL, type World } from "../support/world.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectFailure, expectInterception, worldWithProxy } from "./support.ts";

interface Lack {
  readonly what: string;
  /** Puts a command where it lacks that. */
  readonly without: (command: readonly string[]) => Promise<Result>;
  readonly code: string;
  readonly reason: RegExp;
  readonly remedy: RegExp;
}

let world: World;
/** Where libbpf cannot be found, and where it is an older one. */
let mounts: PrivateMounts;
let withOlder: PrivateMounts;
let before: KernelState;

beforeAll(async () => {
  world = await worldWithProxy();
  mounts = await PrivateMounts.create(world);
  await mounts.mustRun("sh", "-c", HIDE_LIBBPF);
  withOlder = await PrivateMounts.create(world);
  await withOlder.mustRun("sh", "-c", `${HIDE_LIBBPF}; ${ADD_OLDER}`);
  before = await kernelState(world);
});
afterAll(() => world[Symbol.asyncDispose]());

const HIDE_LIBBPF =
  'for lib in $(ldconfig -p | sed -n "s/.*libbpf.so.* => //p"); do mount --bind /dev/null "$lib"; done';

/** A library of the name that libbpf 0.x has: nobody calls it. The dynamic loader finds it by a cache of its own. */
const ADD_OLDER = [
  "mount -t tmpfs lib /usr/local/lib",
  "clang -shared -Wl,-soname,libbpf.so.0 -x c /dev/null -o /usr/local/lib/libbpf.so.0",
  "ldconfig -C /run/ld.so.cache",
  "mount --bind /run/ld.so.cache /etc/ld.so.cache",
].join(" && ");

const outside = { cgroup: false } as const;
const drop = (...names: readonly string[]) => ({ ...outside, dropCapabilities: names });

const LACKS: readonly Lack[] = [
  {
    what: "a kernel that is new enough",
    without: (command) => world.run(["setarch", "--uname-2.6", ...command], outside),
    code: "KERNEL_TOO_OLD",
    reason: /this is Linux 2\.6\.\d+.*, older than 5\.7/,
    remedy: /newer kernel/,
  },
  {
    what: "cgroup2",
    without: (command) => world.run([TPNET, "run", "--umount-cgroup2", "--", ...command], outside),
    code: "CGROUP_UNUSABLE",
    reason: /no cgroup2 file system is mounted here/,
    remedy: /mount -t cgroup2/,
  },
  {
    what: "CAP_BPF",
    without: (command) => world.run(command, drop("bpf", "sys_admin")),
    code: "CAPABILITY_MISSING",
    reason: /CAP_BPF, which makes maps and programs/,
    remedy: /capabilities\.add/,
  },
  {
    what: "all capabilities that kuma-init has not",
    without: (command) =>
      world.run(
        ["setpriv", "--bounding-set=-all,+net_admin,+net_raw", "--inh-caps=-all", ...command],
        outside,
      ),
    code: "CAPABILITY_MISSING",
    reason: /CAP_BPF, which .*CAP_PERFMON, which/,
    remedy: /capabilities\.add/,
  },
  {
    what: "libbpf",
    without: (command) => mounts.run(command),
    code: "LIBBPF_UNUSABLE",
    reason: /cannot load libbpf\.so\.1/,
    remedy: /libbpf1 on Debian/,
  },
  {
    what: "a libbpf that is new enough",
    without: (command) => withOlder.run(command),
    code: "LIBBPF_UNUSABLE",
    reason: /libbpf here is libbpf\.so\.0, which is older than 1\.0/,
    remedy: /Ubuntu 22\.04.*scripts\/build-libbpf/,
  },
];

/** With the default cgroup, which cannot be named where there is none. */
function install(...flags: readonly string[]): string[] {
  return [TPROXYCTL, "install", "transparent-proxy", "--kuma-dp-user", String(PROXY_UID), ...flags];
}

async function expectUninstalled(without: Lack["without"]): Promise<void> {
  const { exitCode, stderr } = await without([TPROXYCTL, "uninstall", "transparent-proxy"]);
  expect(exitCode, stderr).toBe(0);
  await expectState(world, before);
}

describe.each(LACKS)("without $what", ({ without, code, reason, remedy }) => {
  test.each(["--ebpf-enabled", "--engine=auto"])("%s: iptables takes over and says why", async (flag) => {
    const { exitCode, stdout, stderr } = await without(install(flag));
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toBe("# transparent proxy setup completed successfully (engine: iptables)");
    const warnings = stderr.split("\n").filter((line) => line.startsWith("warning: "));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(reason);
    expect(warnings[0]).toMatch(remedy);
    expect(warnings[0]).toMatch(/iptables takes over/);
    const status = await without([TPROXYCTL, "status", "--json"]);
    expect(status.exitCode, status.stderr).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({ engine: "iptables" });
    await expectInterception(world);
    await expectUninstalled(without);
  });

  test("--engine=ebpf: an error, and nothing is changed", async () => {
    expectFailure(await without(install("--engine=ebpf")), code, reason, remedy);
    await expectState(world, before);
  });

  test("--engine=iptables, and no flag at all: not a word about it", async () => {
    for (const flags of [["--engine=iptables", "--ebpf-enabled"], ["--engine=iptables"], []]) {
      const { exitCode, stderr } = await without(install(...flags));
      expect(exitCode, stderr).toBe(0);
      expect(stderr).not.toMatch(/warning|eBPF/);
      await expectUninstalled(without);
    }
  });

  test("a dry run says what would be done", async () => {
    const { exitCode, stdout, stderr } = await without(install("--ebpf-enabled", "--dry-run"));
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^### IPv4 ###\n\n\* nat\n/);
    expect(stderr).toMatch(reason);
    await expectState(world, before);
  });
});

test("iptables takes the place of an eBPF installation that cannot be renewed", async () => {
  await world.install();
  const { exitCode, stdout, stderr } = await world.run(
    ["setarch", "--uname-2.6", ...install("--ebpf-enabled")],
    outside,
  );
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/engine: iptables, changed in place/);
  expect(await world.status()).toMatchObject({ exitCode: 0, status: { engine: "iptables" } });
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});

test.each([
  ["--ebpf-cgroup-path=/proc", /--ebpf-cgroup-path: \/proc is not on a cgroup2/],
  ["--ebpf-bpffs-path=/tmp", /--ebpf-bpffs-path: \/tmp is not on a BPF file system/],
])("a mistake is no reason for another engine: %s", async (flag, words) => {
  expectFailure(await world.run(install("--ebpf-enabled", flag), outside), "CONFIG_INVALID", words);
  await expectState(world, before);
});
