// `install --confirm-within`: unless it is confirmed in time, all is as it was before, whatever becomes of who installed.

import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { endProcess, isRunning } from "../../src/host/detached-process.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { projectRoot } from "../support/project-files.ts";
import { makeTrustedDirectory } from "../support/trusted-directory.ts";
import { APP_UID, Running, TPROXYCTL, World } from "../support/world.ts";
import { Change, until } from "./confirm-support.ts";
import { ConnectionStream } from "./connection-stream.ts";
import { EBPF, holdAll, IPTABLES } from "./engines.ts";
import {
  expectFailure,
  expectInterception,
  expectNoInterception,
  expectNotInstalled,
  intactStatus,
  worldWithProxy,
} from "./support.ts";

test.each([
  ["eBPF", EBPF],
  ["iptables", IPTABLES.nft],
])("what nobody confirms is removed, though who installed is gone: %s", async (_, engine) => {
  await using world = await worldWithProxy();
  const change = Change.of(world);
  const before = await kernelState(world);
  // A terminal that is hung up, and a job that is ended, as soon as it is installed.
  const program = join(world.project, "bin/tproxyctl");
  const install = [program, ...world.installArguments(...engine), "--confirm-within=3s"].join(" ");
  const script = `${install} && ${program} status && trap "" HUP && kill -HUP 0 && kill -TERM 0`;
  const { stdout } = await change.paused(
    world.run(["script", "-qec", script, "/dev/null"], { cgroup: false }),
  );
  const time = /^# not confirmed yet: at (\d\d:\d\d:\d\d) it is removed, .*`tproxyctl confirm`/m.exec(
    stdout,
  )?.[1];
  expect(stdout).toContain(`not confirmed yet: at ${time} it is removed`);
  const { timer } = change;
  expect(isRunning(timer)).toBe(true);
  await expectInterception(world);
  expect((await world.status()).status).toMatchObject({ pending: { before: null, waiting: true } });
  await change.end();
  expect(change.logged).toMatch(/nobody confirmed the last change: it is removed/);
  await until(
    () => !isRunning(timer),
    () => `process ${timer.pid} is still there`,
  );
  await expectNotInstalled(world);
  expectFailure(await change.confirm(), "NOTHING_TO_CONFIRM", /too late, .*; nothing is installed/);
  // What it says of that is read by whoever comes back, and goes with the next command.
  await world.uninstall();
  await expectState(world, before);
});

test.each([
  ["iptables over eBPF", EBPF, IPTABLES.nft],
  ["eBPF over iptables", IPTABLES.nft, EBPF],
  ["eBPF over eBPF", EBPF, EBPF],
])("what was there before is put back, without a gap: %s", async (_, first, second) => {
  await using world = await worldWithProxy();
  const change = Change.of(world);
  await world.install(...first, "--exclude-outbound-ports=7777");
  const installed = await intactStatus(world);
  const streams = [
    await ConnectionStream.start(world, "10.66.0.2:8080"),
    await ConnectionStream.start(world, "[fd66::1]:8080", { host: "remote", cgroup: false }),
  ];
  const held = await holdAll(world);
  await change.paused(change.install(2, ...second, "--exclude-outbound-ports=8888"));
  expect(await intactStatus(world)).toMatchObject({ record: { outbound: { excludedPorts: [8888] } } });
  await change.end();
  const { engine, record } = await intactStatus(world);
  const when = { installedAt: expect.anything() };
  expect({ engine, record }).toMatchObject({
    engine: installed.engine,
    record: { ...installed.record, ...when },
  });
  for (const connections of held) await connections.expectAlive();
  for (const stream of streams) expect(await stream.stop()).toEqual([]);
  await world.uninstall();
});

test("confirmed in time, it stays", async () => {
  await using world = await worldWithProxy();
  const change = Change.of(world);
  await change.install(60);
  const { timer } = change;
  const { exitCode, stdout } = await change.confirm();
  expect({ exitCode, stdout }).toEqual({
    exitCode: 0,
    stdout:
      "# confirmed: the ebpf engine is in force, outbound connections go to port 15001, inbound ones to port 15006",
  });
  await until(
    () => !isRunning(timer),
    () => `process ${timer.pid} is still there`,
  );
  expect({ state: change.state, log: existsSync(change.log) }).toEqual({ state: undefined, log: false });
  expect((await world.status()).status).not.toHaveProperty("pending");
  expectFailure(await change.confirm(), "NOTHING_TO_CONFIRM", /the ebpf engine is in force/);
  await expectInterception(world);
  await world.uninstall();
});

test("changes while one waits", async () => {
  await using world = await worldWithProxy();
  const change = Change.of(world);
  const before = await kernelState(world);

  // A failure: nothing waits.
  const missing = "--ebpf-programs-source-path=/nonexistent";
  const fail = () => world.tproxyctl(world.installArguments(missing, "--confirm-within=60s"));
  expect(await fail()).toMatchObject({ exitCode: 1 });
  await expectState(world, before);

  await world.install(...IPTABLES.nft, "--exclude-outbound-ports=7777");
  await change.install(60, ...EBPF);
  const { timer } = change;
  expectFailure(await world.tproxyctl(world.installArguments()), "UNCONFIRMED", /tproxyctl confirm/);
  expect(await world.tproxyctl(world.installArguments("--dry-run"))).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/would refuse \(UNCONFIRMED\)/),
  });
  // Nobody else may know what waits.
  const asUser = await world.tproxyctl(world.installArguments("--dry-run"), { uid: APP_UID });
  expect(asUser, asUser.stderr).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining("refuse") });
  // A failure: it waits as before.
  const waiting = change.state;
  expect(await fail()).toMatchObject({ exitCode: 1 });
  expect({ state: change.state, isRunning: isRunning(timer) }).toEqual({ state: waiting, isRunning: true });
  // Another one: the time begins anew, and what was there first is what is put back.
  await change.install(2, "--exclude-outbound-ports=8888");
  await until(
    () => !isRunning(timer),
    () => `process ${timer.pid} is still there`,
  );
  await change.end();
  expect(await intactStatus(world)).toMatchObject({
    engine: "iptables",
    record: { outbound: { excludedPorts: [7777] } },
  });

  await change.install(60, ...EBPF);
  const last = change.timer;
  await world.uninstall();
  await until(
    () => !isRunning(last),
    () => `process ${last.pid} is still there`,
  );
  await expectState(world, before);
});

test("an installation that is killed half-way is put back", async () => {
  await using world = await worldWithProxy();
  const scratch = makeTrustedDirectory("confirm");
  world.defer(async () => rmSync(scratch, { recursive: true }));
  const change = Change.of(world);
  const names = ["iptables", "ip6tables"].flatMap((base) => [base, `${base}-save`, `${base}-restore`]);
  const begun = join(scratch, "begun");
  // The first time that rules are to be changed takes very long.
  for (const name of names) {
    const slow = name === "iptables-restore" ? `[ -e ${begun} ] || { touch ${begun}; sleep 1; }` : ":";
    const text = `#!/bin/sh\ncase "$*" in *--test*) ;; *) ${slow} ;; esac\nexec /usr/sbin/${name}-nft "$@"\n`;
    writeFileSync(
      join(scratch, name),
      text.replace("-save-nft", "-nft-save").replace("-restore-nft", "-nft-restore"),
    );
    chmodSync(join(scratch, name), 0o755);
  }
  await world.install("--exclude-outbound-ports=7777");
  const programs = names.map((name) => `${name}:${join(scratch, name)}`).join(",");
  const flags = ["--engine=iptables", `--iptables-executables=${programs}`, "--confirm-within=2s"];
  const command = world.command([TPROXYCTL, ...world.installArguments(...flags)], { cgroup: false });
  const install = new Running(command);
  await change.paused(
    until(
      () => existsSync(begun),
      () => install.stderr,
    ),
  );
  await install.stop("SIGKILL");
  expect(change.state).toHaveProperty("timer.pid");
  await change.end();
  expect(await intactStatus(world)).toMatchObject({
    engine: "ebpf",
    record: { outbound: { excludedPorts: [7777] } },
  });
  await expectInterception(world);
  await world.uninstall();
});

test("what cannot be put back at once is tried again", async () => {
  await using world = await worldWithProxy();
  const scratch = makeTrustedDirectory("confirm");
  world.defer(async () => rmSync(scratch, { recursive: true }));
  const change = Change.of(world);
  const programs = join(scratch, "tproxy.bpf.o");
  writeFileSync(programs, readFileSync(join(projectRoot, "dist/bpf/tproxy.bpf.o")));
  await world.install(`--ebpf-programs-source-path=${scratch}`);
  renameSync(programs, `${programs}.gone`);
  await change.install(1, ...IPTABLES.nft);
  await until(
    () => /error: putting back failed: /.test(change.logged),
    () => change.logged,
  );
  expect(await intactStatus(world)).toMatchObject({ engine: "iptables" });
  renameSync(`${programs}.gone`, programs);
  await change.end();
  expect(await intactStatus(world)).toMatchObject({ engine: "ebpf" });
  await world.uninstall();
});

test("what does not know its configuration cannot be put back", async () => {
  await using world = await World.create();
  const change = Change.of(world);
  await world.install(...IPTABLES.nft);
  await world.forgetRecords();
  const refused = await world.tproxyctl(world.installArguments("--confirm-within=60s"));
  expectFailure(refused, "CONFIRM_UNUSABLE", /could not be put back/, /without --confirm-within/);
  const dry = await world.tproxyctl(world.installArguments("--confirm-within=60s", "--dry-run"));
  expect(dry).toMatchObject({ exitCode: 0 });
  expect(dry.stderr).toMatch(/install would refuse \(CONFIRM_UNUSABLE\)/);
  expect(change.state).toBeUndefined();
  await world.uninstall();
  await expectNoInterception(world);

  // Damage, and what another boot left, which counts for nothing.
  await world.install();
  await change.install(60);
  const { timer, ...rest } = change.state ?? {};
  change.write("{");
  for (const command of [["status"], ["confirm"], world.installArguments()])
    expect(await world.tproxyctl(command)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/code: STATE_DAMAGED/),
    });
  change.write(JSON.stringify({ ...rest, bootId: "another" }));
  expectFailure(await change.confirm(), "NOTHING_TO_CONFIRM");
  change.write("{");
  if (timer !== undefined) endProcess(timer);
  await world.uninstall();
  await expectNotInstalled(world);
});
