// --vnet with eBPF where something is in the way: all of programs and rules, or nothing.

import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, TPROXYCTL } from "../support/world.ts";
import { everyForm } from "./inject.ts";
import { Bench, expectSuccess } from "./iptables/bench.ts";
import { addContainer, expectNetworks, expectNoNetworks, NETWORKS, worldWithContainer } from "./networks.ts";
import { expectFailure, expectInterception, ForeignPrograms } from "./support.ts";

const IPTABLES = /^(x|ip|ip6)tables/;

/** With everything that the machine's own /run would hold. Chains that are put back stand in another order. */
async function stateOf(bench: Bench): Promise<KernelState> {
  const state = await kernelState(bench.world, { mountsOf: bench.mounts.pid });
  return Object.fromEntries(Object.entries(state).map(([name, lines]) => [name, lines.toSorted()]));
}

async function expectStateOf(bench: Bench, before: KernelState): Promise<void> {
  await expect.poll(() => stateOf(bench), { timeout: 10_000, interval: 20 }).toEqual(before);
}

async function benchWithContainer(): Promise<Bench> {
  const bench = await Bench.create();
  await addContainer(bench.world);
  return bench;
}

const install = (bench: Bench, ...flags: readonly string[]) =>
  bench.tproxyctl(bench.world.installArguments(...flags));

const BEFORE = [
  { title: "nothing", first: undefined },
  { title: "eBPF", first: [] },
  { title: "eBPF with other networks", first: ["--vnet=br1:10.66.1.0/25"] },
  { title: "iptables", first: ["--engine=iptables"] },
] as const;

/** The rules of IPv6 are refused: those of IPv4 are there by then. */
const SPOIL = `text=$(cat); case $text in *fd66:1*) echo "no, not this" >&2; exit 1;; esac; echo "$text" | "$real" "$@"`;

test.each(BEFORE)("rules that are refused change nothing: over $title", async ({ first }) => {
  await using bench = await benchWithContainer();
  if (first !== undefined) expectSuccess(await install(bench, ...first));
  const before = await stateOf(bench);
  bench.replace(bench.program("restore", 6), SPOIL);
  expectFailure(await install(bench, ...NETWORKS), "IPTABLES_FAILED", /no, not this/);
  bench.unhide();
  await expectStateOf(bench, before);
  if (first !== undefined) await expectInterception(bench.world);
  expectSuccess(await install(bench, ...NETWORKS));
  await expectNetworks(bench.world);
  expectSuccess(await bench.tproxyctl(["uninstall"]));
});

/** Each file that is put in its place: the record of the rules, twice, and the pins. */
const RENAMES = [1, 2, 3];

test.each(
  someOf(
    BEFORE.flatMap((each) => RENAMES.map((nth) => ({ ...each, nth }))),
    3,
  ),
)("a system call that fails changes nothing: over $title, rename number $nth", async ({ first, nth }) => {
  await using bench = await benchWithContainer();
  if (first !== undefined) expectSuccess(await install(bench, ...first));
  const before = await stateOf(bench);
  const inject = [
    "-e",
    `trace=${everyForm("rename")}`,
    "-e",
    `inject=${everyForm("rename")}:error=EIO:when=${nth}`,
  ];
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null", ...inject];
  const args = bench.world.installArguments(...NETWORKS);
  const result = await bench.mounts.run([...strace, TPROXYCTL, ...args]);
  expect(result.exitCode, result.stdout).toBe(1);
  expect(result.stderr).toMatch(/^error: .*EIO(.*\n)* code: [A-Z_]+$/m);
  await expectStateOf(bench, before);
  if (first !== undefined) await expectInterception(bench.world);
  expectSuccess(await bench.tproxyctl(["uninstall"]));
});

test("programs that cannot be attached leave the rules that are there", async () => {
  await using world = await worldWithContainer();
  using foreign = new ForeignPrograms();
  const full = join(world.cgroup, "full");
  mkdirSync(full);
  world.defer(async () => rmdirSync(full));
  foreign.fillConnect4(full, 64);
  await world.install(...NETWORKS);
  const before = await kernelState(world);
  // With other networks, and without any: then the rules have gone by the time.
  for (const flags of [["--vnet=br1:10.66.1.0/25"], []]) {
    const result = await world.tproxyctl(world.installArguments("--ebpf-cgroup-path", full, ...flags));
    expectFailure(result, "CGROUP_UNUSABLE", /cannot attach tp_connect4 to cgroup \S+full/);
    await expectState(world, before);
    expect((await world.status()).exitCode).toBe(0);
    await expectNetworks(world);
  }
});

describe("iptables is not usable", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await benchWithContainer();
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  test.each([
    ["no program", () => bench.hide(IPTABLES), "IPTABLES_UNUSABLE", /no usable iptables/],
    [
      "a program that does not work",
      () => bench.replace("iptables-nft", "echo broken >&2; exit 1"),
      "IPTABLES_UNUSABLE",
      /iptables-nft does not work: .*broken/,
    ],
    [
      "no table nat in the kernel",
      () => bench.replace(bench.program("restore"), "echo no table here >&2; exit 3"),
      "IPTABLES_FAILED",
      /nothing can be redirected: .*no table here/,
    ],
    ["none for IPv6", () => bench.hide(/^ip6tables/), "IPTABLES_UNUSABLE", /IPv6 cannot be redirected/],
  ] as const)("%s: nothing is changed, and doctor says so before", async (_title, spoil, code, words) => {
    const before = await stateOf(bench);
    spoil();
    const about = /--vnet needs rules of iptables beside the eBPF programs, and they are not possible here/;
    for (const flag of ["--engine=ebpf", "--engine=auto"])
      expectFailure(await install(bench, flag, ...NETWORKS), code, about, words);
    await expectStateOf(bench, before);

    const where = ["--ebpf-cgroup-path", bench.world.cgroup, "--ebpf-bpffs-path", bench.world.bpffs];
    const doctor = ["doctor", "--engine=auto", "--kuma-dp-user", String(PROXY_UID), ...where, "--json"];
    const { exitCode, stdout } = await bench.tproxyctl([...doctor, ...NETWORKS]);
    const { choice } = JSON.parse(stdout) as { choice: { engine: string | null; reason: string } };
    expect({ exitCode, engine: choice.engine }).toEqual({ exitCode: 1, engine: null });
    expect(choice.reason).toMatch(words);

    // Without networks the eBPF engine needs none of it.
    expect((await bench.tproxyctl(doctor)).exitCode).toBe(0);
    expectSuccess(await install(bench));
    await expectInterception(bench.world);
    await expectNoNetworks(bench.world);
    bench.unhide();
    expectSuccess(await bench.tproxyctl(["uninstall"]));
    await expectStateOf(bench, before);
  });
});

test("doctor: where all is there, eBPF is what there would be", async () => {
  await using world = await worldWithContainer();
  const where = ["--ebpf-cgroup-path", world.cgroup, "--ebpf-bpffs-path", world.bpffs];
  const args = ["doctor", "--engine=ebpf", "--kuma-dp-user", String(PROXY_UID), ...where, ...NETWORKS];
  const { exitCode, stdout } = await world.tproxyctl(args);
  expect(exitCode, stdout).toBe(0);
  expect(stdout).toMatch(/ok {7}iptables for the virtual networks: \S+-restore, \S+-restore$/m);
});

test("a dry run shows the rules, and changes nothing", async () => {
  await using world = await worldWithContainer();
  const before = await kernelState(world);
  const { exitCode, stdout, stderr } = await world.tproxyctl(
    world.installArguments("--dry-run", ...NETWORKS),
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/^virtual networks: br\+:10\.66\.1\.0\/24, br1:fd66:1::\/64$/m);
  expect(stdout).toMatch(/^ {2}attach tp_lookup/m);
  expect(stdout).toMatch(
    /^### IPv4 ###\n\n\* nat\n-I PREROUTING 1 .*-i br\+ .*\n-I PREROUTING 2 .*15001\nCOMMIT\n\n### IPv6 ###/m,
  );
  expect(stdout).not.toMatch(/OUTPUT|KUMA_MESH/);
  await expectState(world, before);
  await world.install(...NETWORKS);
  const over = await world.tproxyctl(world.installArguments("--dry-run"));
  expect(over.stderr).toMatch(/the rules for virtual networks that are there would be removed/);
  const removal = await world.tproxyctl(["uninstall", "--dry-run"]);
  expect(removal.stdout).toMatch(
    /programs and where they are attached\n# \S+-restore\n\* nat\n-D PREROUTING/,
  );
});
