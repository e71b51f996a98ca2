// eBPF: exactly the capabilities that src/host/capabilities.ts lists, and no others.

import { expect, test } from "vitest";
import { CAPABILITIES_NEEDED } from "../../src/host/capabilities.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { TPROXYCTL, World } from "../support/world.ts";
import { capabilitiesFor, withOnly } from "./capabilities-support.ts";
import { installWithFeaturesCommand } from "./install-with-features.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectFailure, expectInterception } from "./support.ts";

const ALL: readonly string[] = [...new Set(CAPABILITIES_NEEDED.map(({ capability }) => capability))];

async function effective(world: World, capabilities: readonly string[]): Promise<string> {
  const { stdout } = await world.run(withOnly(capabilities, ["grep", "CapEff", "/proc/self/status"]), {
    cgroup: false,
  });
  return stdout;
}

test("the test takes the others away", async () => {
  await using world = await World.create();
  expect(await effective(world, [])).toBe("CapEff:\t0000000000000000");
  expect(await effective(world, ["net_admin", "bpf"])).toBe("CapEff:\t0000008000001000");
});

test.each<[string, boolean, string[]]>([
  ["before the proxy, by sk_lookup", false, []],
  ["before the proxy, by tc", false, ["--ebpf-tc-attach-iface", "eth0"]],
  ["with a running proxy, by sk_lookup", true, []],
  ["with a running proxy, by tc", true, ["--ebpf-tc-attach-iface", "eth0"]],
])("install, status, reinstall and uninstall work with them: %s", async (_title, running, flags) => {
  await using world = await World.create();
  if (running) await world.startProxy();
  const before = await kernelState(world);
  const capabilities = capabilitiesFor("ebpf", "ebpf-load", ...(running ? (["running-proxy"] as const) : []));
  const tproxyctl = async (...args: readonly string[]) => {
    const result = await world.run(withOnly(capabilities, [TPROXYCTL, ...args]), { cgroup: false });
    expect(result.exitCode, `${args[0]}: ${result.stderr}`).toBe(0);
  };
  await tproxyctl(...world.installArguments(...flags));
  await tproxyctl("status");
  await tproxyctl(...world.installArguments(...flags, "--exclude-outbound-ports", "22"));
  if (!running) await world.startProxy();
  await expectInterception(world);
  await tproxyctl("uninstall");
  await expectState(world, before);
});

test("so does a reinstallation by tc before Linux 6.6, whose filter has no link", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  const capabilities = capabilitiesFor("ebpf", "ebpf-load");
  for (const flags of [[], ["--exclude-outbound-ports", "22"], []]) {
    const command = installWithFeaturesCommand(
      world,
      { tcx: false },
      "--ebpf-tc-attach-iface",
      "eth0",
      ...flags,
    );
    const result = await world.run(withOnly(capabilities, command), { cgroup: false });
    expect(result.exitCode, result.stderr).toBe(0);
  }
  await world.startProxy();
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});

test("and with the one for mounting, where no bpffs is there", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  const capabilities = capabilitiesFor("ebpf", "ebpf-load", "mount-bpffs");
  for (const args of [mounts.installArguments(), ["status"], ["uninstall"]]) {
    const result = await mounts.run(withOnly(capabilities, [TPROXYCTL, ...args]));
    expect(result.exitCode, `${args[0]}: ${result.stderr}`).toBe(0);
  }
  await expectState(world, before, look);
});

test.each(["ebpf", "ebpf-load", "running-proxy", "mount-bpffs"] as const)(
  "each of them is needed: without one for %s the installation is refused, and says which",
  async (purpose) => {
    await using world = await World.create();
    const mounts = await PrivateMounts.create(world);
    if (purpose === "running-proxy") await world.startProxy();
    const before = await kernelState(world, { mountsOf: mounts.pid });
    for (const { capability, or } of CAPABILITIES_NEEDED.filter((needed) => needed.purpose === purpose)) {
      const rest = ALL.filter((name) => name !== capability && !or.some((other) => other === name));
      const result = await mounts.run(withOnly(rest, [TPROXYCTL, ...mounts.installArguments()]));
      expect(result.exitCode, capability).toBe(1);
      expect(result.stderr).toContain(`CAP_${capability.toUpperCase()}`);
      expect(result.stderr).toContain("code: CAPABILITY_MISSING");
      await expectState(world, before, { mountsOf: mounts.pid });
    }
  },
);

test.each([[["net_admin"]], [["bpf", "sys_admin"]], [["sys_admin"]]])(
  "nor is an installation removed by half: without %s",
  async (without) => {
    await using world = await World.create();
    const mounts = await PrivateMounts.create(world);
    const look = { mountsOf: mounts.pid };
    const before = await kernelState(world, look);
    await mounts.mustRun(TPROXYCTL, ...mounts.installArguments());
    const installed = await kernelState(world, look);
    const rest = ALL.filter((name) => !without.includes(name));
    // What is installed with iptables in its place is removed last: it is asked for first, too.
    for (const args of [["uninstall"], mounts.installArguments("--engine=iptables")]) {
      const result = await mounts.run(withOnly(rest, [TPROXYCTL, ...args]));
      expectFailure(result, "CAPABILITY_MISSING", new RegExp(`CAP_${without[0]?.toUpperCase()}, which`));
      await expectState(world, installed, look);
    }
    const enough = await mounts.run(
      withOnly(capabilitiesFor("ebpf", "mount-bpffs"), [TPROXYCTL, "uninstall"]),
    );
    expect(enough.exitCode, enough.stderr).toBe(0);
    await expectState(world, before, look);
  },
);
