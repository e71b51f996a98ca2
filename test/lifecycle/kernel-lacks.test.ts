// Kernels that lack something which iptables or eBPF needs: as seccomp, or a program in another's place, has them answer.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { type Result, TPNET, TPROXYCTL, type World } from "../support/world.ts";
import { Bench, expectSuccess } from "./iptables/bench.ts";
import { kernelRules } from "./iptables-support.ts";
import { expectFailure, expectInterception, worldWithProxy } from "./support.ts";

function without(what: "nf_tables" | "bpf", world: World, args: readonly string[]): Promise<Result> {
  return world.run([TPNET, "run", "--without", what, "--", TPROXYCTL, ...args]);
}

test("without nf_tables, iptables-legacy does it all, though iptables-nft is installed", async () => {
  await using world = await worldWithProxy();
  const tproxyctl = async (...args: readonly string[]) =>
    expectSuccess(await without("nf_tables", world, args));
  const before = await kernelState(world);
  const iptables = world.installArguments("--engine=iptables");
  const ebpf = world.installArguments("--engine=ebpf");

  await tproxyctl(...iptables, "--dry-run");
  await tproxyctl(...iptables);
  expect(await kernelRules(world)).toBe("ip_tables_names:nat\nip6_tables_names:nat");
  await expectInterception(world);
  expect((await tproxyctl("status")).stdout).toMatch(/iptables/);
  expect((await tproxyctl("uninstall", "--dry-run")).stdout).toMatch(/iptables-legacy-restore/);

  expect((await tproxyctl(...ebpf)).stdout).toMatch(/engine: ebpf, changed in place/);
  await expectInterception(world);
  await tproxyctl(...iptables);
  await expectInterception(world);
  await tproxyctl("uninstall");
  await expectState(world, before);
});

test("without bpf(2), a dry run says what an installation does", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const args = world.installArguments("--engine=auto");
  const dryRun = expectSuccess(await without("bpf", world, [...args, "--dry-run"]));
  expect(dryRun.stdout).toMatch(/^### IPv4 ###/);
  await expectState(world, before);
  const install = expectSuccess(await without("bpf", world, args));
  const warning = install.stderr.split("\n").find((line) => line.startsWith("warning: "));
  expect(warning).toMatch(/eBPF is not possible here .*iptables takes over/);
  expect(dryRun.stderr).toContain(warning);
});

test("without bpf(2), a dry run for eBPF fails as an installation does", async () => {
  await using world = await worldWithProxy();
  const args = world.installArguments("--engine=ebpf");
  const dryRun = await without("bpf", world, [...args, "--dry-run"]);
  expectFailure(dryRun, "CAPABILITY_MISSING", /no permission to load .*tproxy/, /seccomp profile/);
  expect((await without("bpf", world, args)).stderr).toBe(dryRun.stderr);
});

const DNS = "--redirect-all-dns-traffic";

test.each(["nft", "legacy"] as const)(
  "without the table raw, iptables-%s redirects DNS in one zone, as doctor foretells",
  async (mode) => {
    await using bench = await Bench.create(mode);
    const says = "iptables-restore: unable to initialize table 'raw'";
    const refuse = `case "$text" in *"* raw"*) echo "${says}" >&2; exit 2;; esac`;
    bench.replace(bench.program("restore"), `text=$(cat); ${refuse}; echo "$text" | "$real" "$@"`);
    const { stderr } = await bench.install(DNS);
    expect(stderr).toMatch(/^note: DNS traffic is not split into zones: .*unable to .* 'raw'.*\(modprobe /m);
    const { rules } = await bench.trace();
    expect(rules.filter((rule) => / raw |-j CT/.test(rule))).toEqual([]);
    expect(rules.filter((rule) => /--dport 53 .*-j REDIRECT/.test(rule))).toHaveLength(2);
    expect((await bench.status()).exitCode).toBe(0);

    const flags = bench.installArguments(DNS).slice(2);
    const dryRun = expectSuccess(await bench.tproxyctl(["install", ...flags, "--dry-run"]));
    expect(dryRun.stderr).toMatch(/^note: DNS traffic is not split into zones/m);
    expect(dryRun.stdout).not.toMatch(/\* raw/);
    const doctor = expectSuccess(await bench.tproxyctl(["doctor", ...flags]));
    expect(doctor.stdout).toMatch(
      /^ {2}limited {2}table raw of iptables: DNS traffic is not split into zones/m,
    );
    await bench.uninstall();
  },
);

test("whether there is a table raw is asked only where DNS is to be split into zones", async () => {
  await using bench = await Bench.create();
  const asked = join(bench.directory, "asked");
  bench.replace("unshare", `: >${asked}; exec /usr/bin/unshare "$@"`);
  for (const flags of [[], ["--drop-invalid-packets"], [DNS, "--skip-dns-conntrack-zone-split"]]) {
    await bench.install(...flags);
    expect(existsSync(asked), flags.join(" ")).toBe(false);
  }
  await bench.install(DNS);
  expect(existsSync(asked)).toBe(true);
});
