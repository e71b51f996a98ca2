// A change that is to be confirmed and fails, or loses what waits: what is said of it is true, and nothing of it stays for good.

import { expect, test } from "vitest";
import { isRunning } from "../../src/host/detached-process.ts";
import { Change, until } from "./confirm-support.ts";
import { Bench } from "./iptables/bench.ts";
import { expectFailure } from "./support.ts";

const FAIL = "echo boom >&2; exit 1";
/** The checks succeed. */
const FAIL_TO_CHANGE = `case "$*" in *--test*) exec "$real" "$@";; esac; ${FAIL}`;

test("what fails and cannot be taken back is put back in time", async () => {
  await using bench = await Bench.create();
  const change = Change.of(bench.world, bench.mounts);
  const clean = await bench.trace();
  // The rules of IPv4 come, those of IPv6 fail, and then those of IPv4 cannot be taken back.
  const begun = `${bench.directory}/begun`;
  bench.replace(
    bench.program("restore", 4),
    `case "$*" in *--test*) exec "$real" "$@";; esac; [ ! -e ${begun} ] || { ${FAIL}; }; : >${begun}; exec "$real" "$@"`,
  );
  bench.replace(bench.program("restore", 6), FAIL_TO_CHANGE);
  const failed = await change.paused(bench.tryInstall(["--confirm-within=2s"]));
  expectFailure(failed, "IPTABLES_FAILED", /could not take back everything/);
  expect(failed.stderr).toMatch(/^warning: not everything was taken back: at \d\d:\d\d:\d\d it is removed/m);
  expect((await bench.trace()).rules).not.toEqual(clean.rules);
  expect(isRunning(change.timer)).toBe(true);
  bench.unhide();
  await change.end();
  expect((await bench.trace()).rules).toEqual(clean.rules);
  await bench.uninstall();
  expect(await bench.trace()).toEqual(clean);
});

test("an uninstallation that fails installs nothing again, and is tried once more", async () => {
  await using bench = await Bench.create();
  const change = Change.of(bench.world, bench.mounts);
  const clean = await bench.trace();
  await bench.install("--exclude-outbound-ports=7777");
  await change.paused(bench.tryInstall(["--exclude-outbound-ports=8888", "--confirm-within=2s"]));
  expect(change.state).toMatchObject({ before: { engine: "iptables" } });
  for (const family of [4, 6] as const) bench.replace(bench.program("restore", family), FAIL);
  const failed = await bench.tproxyctl(["uninstall"]);
  expectFailure(failed, "IPTABLES_FAILED", /at \d\d:\d\d:\d\d it is tried once more to remove what is left/);
  expect(change.state?.before).toBeUndefined();
  bench.unhide();
  await change.end();
  expect((await bench.trace()).rules).toEqual(clean.rules);
  await bench.uninstall();
  expect(await bench.trace()).toEqual(clean);
});

test("what is killed before it changes anything leaves nothing to confirm", async () => {
  await using bench = await Bench.create();
  const change = Change.of(bench.world, bench.mounts);
  const clean = await bench.trace();
  const killed = async () => {
    // It looks at what is there once more when what puts back waits.
    const script =
      'if [ -e /run/tproxyctl/confirm-*.json ]; then kill -9 $PPID; exit 1; fi; exec "$real" "$@"';
    bench.replace(bench.program("save"), script);
    expect((await bench.tryInstall(["--confirm-within=60s"])).exitCode).not.toBe(0);
    bench.unhide();
    const { timer } = change;
    expect(isRunning(timer)).toBe(true);
    return timer;
  };
  const ended = (timer: Change["timer"]) =>
    until(
      () => !isRunning(timer),
      () => `process ${timer.pid} is still there`,
    );

  let timer = await killed();
  const status = await bench.tproxyctl(["status"]);
  expect(status).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("did not come about") });
  const words = /nothing is installed that could be confirmed; nothing is put back/;
  expectFailure(await bench.tproxyctl(["confirm"]), "NOTHING_TO_CONFIRM", words);
  await ended(timer);
  expect(await bench.trace()).toEqual(clean);

  timer = await killed();
  await bench.install();
  await ended(timer);
  expect(change.state).toBeUndefined();

  // What waits is ended, by whomever: that is said, and nothing goes on as if it were there.
  await bench.tryInstall(["--exclude-outbound-ports=7777", "--confirm-within=60s"]);
  process.kill(change.timer.pid, "SIGKILL");
  await ended(change.timer);
  const degraded = await bench.tproxyctl(["status"]);
  expect(degraded).toMatchObject({
    exitCode: 2,
    stdout: expect.stringMatching(/^finding: .* has been ended; `tproxyctl confirm`/m),
  });
  expectFailure(await bench.tryInstall(), "UNCONFIRMED", /has been ended/, /`tproxyctl confirm` first/);
  expect(await bench.tproxyctl(["confirm"])).toMatchObject({ exitCode: 0 });
  await bench.uninstall();
  expect(await bench.trace()).toEqual(clean);
});

test("what cannot be put back, however often it is tried, is said", async () => {
  await using bench = await Bench.create();
  const change = Change.of(bench.world, bench.mounts);
  const clean = await bench.trace();
  await bench.install("--exclude-outbound-ports=7777");
  await change.paused(bench.tryInstall(["--exclude-outbound-ports=8888", "--confirm-within=1s"]));
  for (const family of [4, 6] as const) bench.replace(bench.program("restore", family), FAIL);
  const { timer } = change;
  process.kill(timer.pid, "SIGCONT");
  await expect.poll(() => isRunning(timer), { timeout: 100_000, interval: 500 }).toBe(false);
  bench.unhide();
  expect(change.logged.match(/boom/g)?.length).toBeGreaterThan(5);

  const { exitCode, stdout } = await bench.tproxyctl(["status"]);
  expect(exitCode, stdout).toBe(2);
  const said =
    /^finding: nobody has confirmed .* has failed: .*boom.*; see \/run\/tproxyctl\/confirm-\d+\.log/m;
  expect(stdout).toMatch(said);
  expectFailure(await bench.tryInstall(), "UNCONFIRMED", /has failed: .*boom/, /`tproxyctl confirm` first/);
  expect(await bench.tproxyctl(["confirm"])).toMatchObject({ exitCode: 0 });
  const confirmed = await bench.tproxyctl(["status"]);
  expect(confirmed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("8888") });
  await bench.uninstall();
  expect(await bench.trace()).toEqual(clean);
});
