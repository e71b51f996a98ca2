import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { worldWithProxy } from "./support.ts";

const COMMON = [
  /^engine: ebpf$/m,
  /^proxy user: 5678$/m,
  /^network namespace: \d+/m,
  /^programs: tproxy\.bpf\.o from the package$/m,
];

test.each<[string, string[], RegExp[]]>([
  [
    "by default",
    [],
    [
      /^outbound: to port 15001$/m,
      /^inbound: to port 15006$/m,
      /^IPv6: intercepted$/m,
      /^inbound addresses: all$/m,
      /^local addresses: 127\.0\.0\.0\/8, ::1, 10\.66\.0\.1, fd66::1/m,
      /^address to add: ::6\/128 on lo$/m,
      /^ {2}attach tp_lookup: sk_lookup on this network namespace$/m,
      /^ {2}attach tp_connect4: connect4 on cgroup \S+$/m,
      /^ {2}attach tp_sockops: sockops on cgroup \S+$/m,
    ],
  ],
  ["with tc", ["--ebpf-tc-attach-iface", "eth0"], [/^ {2}attach tp_tc_ingress: tc ingress on eth0$/m]],
  [
    "with ports and exclusions",
    [
      "--redirect-inbound-port",
      "16006",
      "--exclude-inbound-ports",
      "443,22",
      "--exclude-outbound-ports",
      "53",
    ],
    [
      /^outbound: to port 15001, but for the ports 53$/m,
      /^inbound: to port 16006, but for the ports 22, 443$/m,
    ],
  ],
  ["with one address", ["--ebpf-instance-ip", "10.66.0.1"], [/^inbound addresses: 10\.66\.0\.1$/m]],
  ["outbound alone", ["--redirect-inbound=false"], [/^inbound: not intercepted$/m]],
  ["IPv4 alone", ["--ip-family-mode", "ipv4"], [/^IPv6: left alone$/m]],
])("says all that would be done and changes nothing: %s", async (_title, flags, lines) => {
  await using world = await World.create();
  const before = await kernelState(world);
  const result = await world.tproxyctl(world.installArguments("--dry-run", ...flags));
  expect(result).toMatchObject({ exitCode: 0, stderr: "" });
  for (const line of [...COMMON, ...lines]) expect(result.stdout).toMatch(line);
  expect(result.stdout).toContain(`pins: ${world.bpffs}`);
  await expectState(world, before);
});

test("over an installation changes nothing either", async () => {
  await using world = await worldWithProxy();
  await world.install();
  const before = await kernelState(world);
  expect(
    await world.tproxyctl(world.installArguments("--dry-run", "--ip-family-mode", "ipv4")),
  ).toMatchObject({ exitCode: 0 });
  const uninstall = await world.tproxyctl(["uninstall", "--dry-run"]);
  expect(uninstall).toMatchObject({ exitCode: 0 });
  expect(uninstall.stdout).toContain(world.bpffs);
  expect(uninstall.stdout).toMatch(/^# the address ::6 on lo$/m);
  await expectState(world, before);
});

test.each([
  ["eBPF", ["--engine=ebpf"], "iptables", /^note: the eBPF installation in \S+ would be removed$/m],
  [
    "iptables",
    ["--engine=iptables"],
    "ebpf",
    /^note: the rules of iptables that are there would be removed$/m,
  ],
])("over an installation of %s says that it would go", async (_title, flags, other, words) => {
  await using world = await World.create();
  await world.install(...flags);
  const before = await kernelState(world);
  const dryRun = (engine: string) =>
    world.tproxyctl(world.installArguments("--dry-run", `--engine=${engine}`));
  const { exitCode, stderr } = await dryRun(other);
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toMatch(words);
  const same = await dryRun(other === "ebpf" ? "iptables" : "ebpf");
  expect(same.exitCode, same.stderr).toBe(0);
  expect(same.stderr).not.toMatch(/would be removed/);
  await expectState(world, before);
});

test("an address on lo that is not ours is not said to go", async () => {
  await using world = await World.create((made) =>
    made.ip("service", "address", "add", "::6/128", "dev", "lo"),
  );
  await world.install();
  const { stdout } = await world.tproxyctl(["uninstall", "--dry-run"]);
  expect(stdout).toContain(world.bpffs);
  expect(stdout).not.toMatch(/::6/);
});

test("uninstall, where nothing is installed, says so", async () => {
  await using world = await World.create();
  const { stdout, exitCode } = await world.tproxyctl(["uninstall", "--dry-run"]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/nothing is installed/);
});

test("finds the same mistakes as an installation", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  for (const [flags, code] of [
    [["--ebpf-tc-attach-iface", "eth9"], "CONFIG_INVALID"],
    [["--ebpf-cgroup-path", "/proc"], "CONFIG_INVALID"],
    [["--ebpf-programs-source-path", "/nowhere"], "PROGRAMS_UNUSABLE"],
    [["--ebpf-bpffs-path", "/tmp"], "CONFIG_INVALID"],
  ] as const) {
    const { exitCode, stderr } = await world.tproxyctl(world.installArguments("--dry-run", ...flags));
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toContain(` code: ${code}`);
  }
  await expectState(world, before);
});

test("works without root, with a warning", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  const result = await world.tproxyctl(
    world.installArguments("--dry-run", "--ebpf-bpffs-path", "/run/kuma/bpf"),
    { uid: 1000 },
  );
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.stderr).toMatch(/^warning: without root/);
  for (const line of COMMON) expect(result.stdout).toMatch(line);
  await expectState(world, before);
});
