// Exactly the capabilities that src/host/capabilities.ts lists, and no others.

import { expect, test } from "vitest";
import { CAPABILITIES_NEEDED, type CapabilityPurpose } from "../../src/host/capabilities.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { TPROXYCTL, World } from "../support/world.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectInterception } from "./support.ts";

function capabilitiesFor(...purposes: readonly CapabilityPurpose[]): string[] {
  const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => ["always", ...purposes].includes(purpose));
  return needed.map(({ capability }) => capability);
}

/** root without any but these: what a program may have at most is all that root has after it was started. */
function withOnly(capabilities: readonly string[], command: readonly string[]): string[] {
  const bounding = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  return ["setpriv", `--bounding-set=${bounding}`, "--inh-caps=-all", ...command];
}

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
  const capabilities = capabilitiesFor(...(running ? (["running-proxy"] as const) : []));
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

test("and with the one for mounting, where no bpffs is there", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  const capabilities = capabilitiesFor("mount-bpffs");
  for (const args of [mounts.installArguments(), ["status"], ["uninstall"]]) {
    const result = await mounts.run(withOnly(capabilities, [TPROXYCTL, ...args]));
    expect(result.exitCode, `${args[0]}: ${result.stderr}`).toBe(0);
  }
  await expectState(world, before, look);
});

test.each(["always", "running-proxy", "mount-bpffs"] as const)(
  "each of them is needed: without one for %s the installation is refused, and says which",
  async (purpose) => {
    await using world = await World.create();
    const mounts = await PrivateMounts.create(world);
    if (purpose === "running-proxy") await world.startProxy();
    const before = await kernelState(world, { mountsOf: mounts.pid });
    const all = CAPABILITIES_NEEDED.map(({ capability }) => capability);
    for (const { capability, or } of CAPABILITIES_NEEDED.filter((needed) => needed.purpose === purpose)) {
      const rest: readonly string[] = all.filter((name) => name !== capability && !or.includes(name));
      const result = await mounts.run(withOnly(rest, [TPROXYCTL, ...mounts.installArguments()]));
      expect(result.exitCode, capability).toBe(1);
      expect(result.stderr).toContain(`CAP_${capability.toUpperCase()}`);
      expect(result.stderr).toContain("code: CAPABILITY_MISSING");
      await expectState(world, before, { mountsOf: mounts.pid });
    }
  },
);
