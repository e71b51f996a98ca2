// What holds of every installation, whatever the kernel: what is gone is found, half of one is set right, and nothing is left.

import { deepEqual, equal, match } from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { APP_UID, PROXY_UID, TPNET, TPROXYCTL, type World } from "../support/world.ts";
import { absent, type Check } from "./check.ts";
import { everyDirection, expectError, pinsOf, serveBoth } from "./steps.ts";

/** SIGKILL, as the shell has it. */
const KILLED = 128 + 9;

/**
 * Of the calls of `install` that change something, 130 to 145 by kernel: while programs are loaded, and while links are
 * pinned. All of them are tried on the machine's own kernel, in test/lifecycle/killed-ebpf.test.ts.
 */
const PLACES = { early: 60, late: 115 } as const;

/** The first one installs, from a cgroup below the root; those up to `verify` are about that installation. */
export const LIFECYCLE: readonly Check[] = [
  {
    name: "install from a cgroup below the root",
    essential: true,
    run: async (guest) => {
      const { world, flags } = guest;
      await serveBoth(world, [80]);
      guest.proxy = await world.startProxy();
      const args = world.installArguments(...flags, "--exclude-outbound-ips", "10.1.0.0/16");
      const { exitCode, stderr } = await world.tproxyctl(args, { cgroup: world.cgroup });
      equal(exitCode, 0, stderr);
      return undefined;
    },
  },
  {
    name: "without CAP_BPF uninstall is an error, and all stays",
    run: async ({ world }) => {
      const without = { cgroup: false, dropCapabilities: ["bpf", "sys_admin"] } as const;
      const result = await world.run([TPROXYCTL, "uninstall"], without);
      expectError(result, "CAPABILITY_MISSING", /CAP_BPF/);
      await everyDirection(world);
      return undefined;
    },
  },
  {
    name: "status finds what is gone, install brings it back",
    run: async ({ world, flags }) => {
      rmSync(join(await pinsOf(world), "link-cgroup_connect4"));
      const { exitCode, status } = await world.status();
      equal(exitCode, 2);
      const findings = status.findings as readonly { readonly code: string }[];
      const found = findings.map(({ code }) => code).filter((code) => code === "hook-detached");
      deepEqual(found, ["hook-detached"]);
      await world.install(...flags, "--exclude-outbound-ips", "10.1.0.0/16");
      equal((await world.status()).exitCode, 0);
      await everyDirection(world);
      return undefined;
    },
  },
  {
    name: "explain, doctor and verify",
    run: async ({ world }) => {
      const ask = ["explain", "outbound", "--uid", String(APP_UID), "--to", "10.1.2.3:443"];
      const explained = await world.tproxyctl(ask);
      match(explained.stdout, /left alone\nbecause connections to 10\.1\.0\.0\/16 are excluded/);
      const where = ["--ebpf-cgroup-path", world.cgroup, "--ebpf-bpffs-path", world.bpffs];
      const asked = ["doctor", "--engine=ebpf", "--kuma-dp-user", String(PROXY_UID), ...where];
      const examined = await world.tproxyctl(asked);
      equal(examined.exitCode, 0, `${examined.stdout}${examined.stderr}`);
      const verified = await world.tproxyctl(["verify"], { cgroup: world.cgroup });
      equal(verified.exitCode, 0, `${verified.stdout}${verified.stderr}`);
      await world.uninstall();
      return undefined;
    },
  },
  {
    name: "a small limit of locked memory, and no right to lift it",
    run: async ({ world }) => {
      const limited = ["prlimit", "--memlock=65536:65536", TPROXYCTL];
      const args = world.installArguments("--engine=auto");
      const without = { cgroup: false, dropCapabilities: ["sys_resource"] } as const;
      const { exitCode, stdout, stderr } = await world.run([...limited, ...args], without);
      equal(exitCode, 0, stderr);
      await everyDirection(world);
      await world.uninstall();
      if (/engine: ebpf/.test(stdout)) return undefined;
      match(stdout, /engine: iptables/);
      match(stderr, /CAP_SYS_RESOURCE/);
      return absent(
        "5.11",
        stderr.split("\n").find((line) => line.startsWith("warning")) ?? "",
        "falls back",
      );
    },
  },
  {
    name: "killed half way (SIGKILL): install and uninstall set it right",
    run: async ({ world, flags }) => {
      await killAt(world, PLACES.early, flags);
      await world.install(...flags);
      await everyDirection(world);
      await world.uninstall();
      await killAt(world, PLACES.late, flags);
      await world.uninstall();
      return undefined;
    },
  },
];

async function killAt(world: World, nth: number, flags: readonly string[]): Promise<void> {
  const command = [TPROXYCTL, ...world.installArguments(...flags)];
  const killer = [TPNET, "kill-at", "--nth", String(nth), "--", ...command];
  equal((await world.run(killer, { cgroup: false })).exitCode, KILLED, `not killed at ${nth}`);
}
