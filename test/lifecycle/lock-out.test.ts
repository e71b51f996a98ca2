// Nobody is locked out: `install` refuses where new SSH connections would go to a port where nothing listens.

import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Scratch } from "../native/support.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { APP_UID, PROXY_UID, type Result, type Running, TPNET, TPROXYCTL, World } from "../support/world.ts";
import { EBPF, EBPF_TC, IPTABLES, REMOTE } from "./engines.ts";
import { KUMACTL_CASES } from "./iptables/kumactl-texts.ts";
import { FAMILIES } from "./iptables/world-tables.ts";
import { must } from "./iptables-support.ts";
import { expectFailure, expectNotInstalled, HeldConnections, worldWithProxy } from "./support.ts";

/** A server by that name: its program is a copy of ours. */
function startServer(world: World, name: string, ...listen: readonly string[]): Promise<Running> {
  return startServerAs(0, world, name, ...listen);
}

async function startServerAs(
  uid: number,
  world: World,
  name: string,
  ...listen: readonly string[]
): Promise<Running> {
  const scratch = new Scratch();
  chmodSync(scratch.path, 0o755);
  world.defer(async () => scratch[Symbol.dispose]());
  const program = join(scratch.path, name);
  copyFileSync(TPNET, program);
  const flags = listen.flatMap((address) => ["--listen", address]);
  return world.start([program, "serve", ...flags], { uid, cgroup: false });
}

function install(world: World, ...flags: readonly string[]): Promise<Result> {
  return world.tproxyctl(world.installArguments(...flags));
}

function expectRefusal(result: Result, ...words: readonly RegExp[]): void {
  expectFailure(result, "LOCK_OUT", /^error: (nobody could come in|who is here) by SSH/m, ...words);
}

test("an SSH server is not cut off, but where that is forced, or is so already", async () => {
  await using world = await World.create();
  await startServer(world, "sshd", "0.0.0.0:22", "[::]:22", "10.66.0.1:2222");
  const before = await kernelState(world);
  for (const engine of [EBPF, IPTABLES.nft, IPTABLES.legacy]) {
    const refused = await install(world, ...engine, "--exclude-inbound-ports=8080");
    expectRefusal(
      refused,
      /port 22 \(sshd, process \d+\) and port 2222 \(sshd, process \d+\)/,
      /to port 15006/,
    );
    expect(refused.stderr).toMatch(
      /^ hint: Add --exclude-inbound-ports 22,2222,8080, or start the proxy first/m,
    );
    const dry = await install(world, ...engine, "--dry-run");
    expect(dry, dry.stderr).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/would refuse \(LOCK_OUT\)/),
    });
  }
  await expectState(world, before);

  // What the hint says, and then it is a change that cuts off again.
  const { exitCode, stderr } = await install(world, "--exclude-inbound-ports", "22,2222");
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  const ssh = () => world.connect("10.66.0.1:22", { ...REMOTE, uid: APP_UID });
  expect(await ssh()).toMatchObject({ ok: true, server: { listener: "0.0.0.0:22" } });
  expectRefusal(await install(world, "--exclude-inbound-ports=2222"), /port 22 \(/);
  expect(await ssh()).toMatchObject({ ok: true });

  for (const engine of [EBPF, IPTABLES.nft]) {
    expect(await install(world, ...engine, "--force")).toMatchObject({ exitCode: 0 });
    expect(await ssh()).toMatchObject({ ok: false });
    // As it is already, with the other engine as well; to another port, nobody may listen there either.
    expect(await install(world, "--exclude-outbound-ports=1")).toMatchObject({ exitCode: 0 });
    expectRefusal(await install(world, "--redirect-inbound-port=15106"), /to port 15106/);
  }
  await world.uninstall();
  await expectState(world, before);

  // kumactl's rules leave port 22 alone, as long as they do.
  const flags = [...IPTABLES.nft, "--exclude-inbound-ports=2222"];
  for (const family of FAMILIES) {
    const program = `/usr/sbin/${family === 4 ? "iptables" : "ip6tables"}-nft`;
    const input = `${KUMACTL_CASES[0]?.text(family)}\n`;
    await must(world, [`${program}-restore`, "--noflush"], { input });
    expectRefusal(await install(world, ...flags), /new connections to port 22 \(/);
    const excluded = ["KUMA_MESH_INBOUND", "-p", "tcp", "--dport", "22", "-j", "RETURN"];
    await must(world, [program, "-t", "nat", "-D", ...excluded]);
  }
  expectRefusal(await install(world, ...flags, "--redirect-inbound-port=15106"), /to port 15106/);
  expect(await install(world, ...flags)).toMatchObject({ exitCode: 0 });
  await world.uninstall();
});

test("with the proxy there, nothing is in the way", async () => {
  await using world = await World.create();
  const ssh = await startServer(world, "sshd", "0.0.0.0:22", "[::]:22");
  const proxy = await world.startProxy({ listen: ["0.0.0.0:15001", "0.0.0.0:15006"] });
  const byIpv6 =
    /nobody could come in by SSH over IPv6 any more: .* to port 22 \(sshd, process \d+\) .* nothing listens by IPv6/;
  for (const flags of [["--dry-run"], []]) {
    const { stderr } = await world.install("--engine=ebpf", ...flags);
    expect(stderr).toMatch(/^warning: nobody .*; by IPv4 they still can$/m);
    expect(stderr).toMatch(byIpv6);
  }
  await world.uninstall();
  await world.install("--ip-family-mode=ipv4");
  await world.uninstall();
  await proxy.stop();
  await world.startProxy({ listen: ["127.0.0.1:15001", "127.0.0.1:15006"] });
  await world.install("--ip-family-mode=ipv4");
  await world.uninstall();
  // Rules bring nothing from outside to a loopback address.
  expectRefusal(await install(world, ...IPTABLES.nft, "--ip-family-mode=ipv4"));

  await ssh.stop();
  // It listens by IPv6 alone.
  await startServer(world, "sshd", "[::]:22");
  expectRefusal(await install(world, "--engine=ebpf"), byIpv6);
});

test("a session counts by where it comes from", async () => {
  await using world = await World.create((each) => each.addHost("office", "eth1", 1));
  await startServer(world, "dropbear", "0.0.0.0:2200");
  const session = await HeldConnections.open(world, "10.66.1.1:2200", { host: "office", cgroup: false }, 1);
  const words = /port 2200 \(a session from 10\.66\.1\.2\)/;
  expectRefusal(await install(world), /port 2200 \(dropbear, process \d+; a session from 10\.66\.1\.2\)/);
  expectRefusal(await install(world, "--exclude-inbound-ips=10.66.0.0/24"), words);
  const cases = [["--exclude-inbound-ips=10.66.1.0/24"], EBPF_TC, ["--ebpf-instance-ip=10.66.0.1"]];
  for (const flags of [...cases, ["--redirect-inbound=false"], ["--when-proxy-down=bypass"]]) {
    const { exitCode, stderr } = await install(world, ...flags);
    expect({ exitCode, flags, stderr }).toMatchObject({ exitCode: 0 });
    await world.uninstall();
  }
  await session.expectUntouched();
});

test("a server by another name, and one that cannot be seen", async () => {
  await using world = await World.create();
  await startServer(world, "tpnet", "0.0.0.0:22", "0.0.0.0:2022");
  await world.install();
  await world.uninstall();
  // In another PID namespace: nobody can tell whose port 22 is.
  const unseen = [...["unshare", "--pid", "--fork", "--mount-proc", TPROXYCTL], ...world.installArguments()];
  expectRefusal(
    await world.run(unseen, { cgroup: false }),
    /port 22 \(a process that cannot be seen from here\)/,
  );

  const session = await HeldConnections.open(world, "10.66.0.1:2022", REMOTE, 1);
  const { stdout } = await world.run(["ss", "-Htn", "sport", "=", ":2022"], { cgroup: false });
  const port = /10\.66\.0\.2:([0-9]+)/.exec(stdout)?.[1];
  const connect = (from: string) => ({ SSH_CONNECTION: `10.66.0.2 ${from} 10.66.0.1 2022` });
  const ours = connect(port ?? "");
  expectRefusal(
    await world.tproxyctl(world.installArguments(), { env: ours }),
    /port 2022 \(a session from 10\.66\.0\.2\)/,
  );
  // sudo drops it: the shell that called has it still.
  const sudo = [
    "sh",
    "-c",
    'env -u SSH_CONNECTION "$@"; exit $?',
    "sh",
    TPROXYCTL,
    ...world.installArguments(),
  ];
  expectRefusal(await world.run(sudo, { cgroup: false, env: ours }), /port 2022/);
  await expectNotInstalled(world);
  // One that ended long ago, in a terminal that lives on.
  expect(await world.tproxyctl(world.installArguments(), { env: connect("1") })).toMatchObject({
    exitCode: 0,
  });
  await session.expectUntouched();
});

test("whoever shares the proxy's user is named", async () => {
  await using world = await worldWithProxy();
  await startServerAs(PROXY_UID, world, "envoy", "127.0.0.1:9901");
  await startServer(world, "of-root", "0.0.0.0:8081");
  const quiet = await world.install();
  expect(quiet.stderr).not.toMatch(/warning/);
  const service = await startServerAs(PROXY_UID, world, "webapp", "0.0.0.0:8080");
  for (const flags of [["--dry-run"], [], IPTABLES.nft]) {
    const { stderr } = await world.install(...flags);
    const warnings = stderr.split("\n").filter((line) => line.startsWith("warning: "));
    expect(warnings).toEqual([
      expect.stringMatching(/the proxy's user, UID 5678, also runs webapp \(process \d+\) on port 8080: /),
    ]);
  }
  await service.stop();
  const byName = /^warning: the proxy's user, .*, is also who installs: /m;
  expect((await world.installIn({ SUDO_UID: String(PROXY_UID) })).stderr).toMatch(byName);
  const asRoot = (await world.install("--kuma-dp-user=0")).stderr;
  expect(asRoot).toMatch(byName);
  expect(asRoot).toMatch(/also runs of-root \(process \d+\) on port 8081: /);
  await world.uninstall();
});
