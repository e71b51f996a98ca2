// --store-systemd, on a host that starts: Debian's systemd as the first process of a container.

import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Container } from "../support/container.ts";
import { APP_UID, PROXY_UID, TPNET, TPROXYCTL } from "../support/world.ts";
import { expectNoPreparedFile, readCalls, traced } from "./file-trace.ts";
import { expectFailure } from "./support.ts";

const UNIT = "etc/systemd/system/tproxyctl.service";
const CONFIGURATION = "etc/tproxyctl/stored-by-install.yaml";
const LINK = "etc/systemd/system/multi-user.target.wants/tproxyctl.service";
const TARGET = "10.66.0.2:8080";

/** What an application sees that waits for network-online.target; whoever it wants to reach may take a moment to listen. */
const PROBE = `[Unit]
Wants=network-online.target
After=network-online.target proxy.service remote.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until setpriv --reuid ${APP_UID} --regid ${APP_UID} --clear-groups ${TPNET} connect --to ${TARGET} | grep ok.:true; do sleep 0.05; done'
StandardOutput=truncate:/var/probe.json
TimeoutStartSec=20
`;

let host: Container;

beforeAll(async () => {
  host = await Container.start([], new Map([["probe.service", PROBE]]));
});

afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
});

/** Where the application's connection arrived. */
function probe(): unknown {
  return JSON.parse(host.read("var/probe.json")).server?.listener;
}

async function etc(): Promise<string> {
  return host.mustRun(
    "sh",
    "-c",
    "find /etc/systemd/system /etc/tproxyctl 2>/dev/null -printf '%p %m %l\\n' | sort",
  );
}

const install = (...flags: string[]) =>
  host.tproxyctl("install", "--kuma-dp-user", String(PROXY_UID), ...flags);

test("what is installed comes back before network-online.target, and goes with uninstall", async () => {
  expect(probe()).toBe(TARGET);
  const before = await etc();
  const log = "var/store.log";
  const installed = await host.run(
    traced(`/${log}`, "/tmp", [TPROXYCTL, "install", "--config", "-", "--engine=ebpf", "--store-systemd"]),
    {
      input: `kumaDPUser: ${PROXY_UID}\nredirect: {inbound: {excludePorts: [22]}}\n`,
      env: { KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_EXCLUDE_PORTS: "9999" },
    },
  );
  expect(installed.exitCode, installed.stderr).toBe(0);
  const home =
    /^\/(run\/(kuma|tproxyctl)|etc\/tproxyctl$|etc\/(tproxyctl|systemd\/system)\/\.tproxyctl-[0-9a-f]{16}$)/;
  expectNoPreparedFile(readCalls(host.read(log)), home);
  const added = (await etc()).split("\n").filter((line) => !before.includes(line));
  expect(added).toEqual([
    "/etc/systemd/system/multi-user.target.wants/tproxyctl.service 777 /etc/systemd/system/tproxyctl.service",
    "/etc/systemd/system/tproxyctl.service 644 ",
    "/etc/tproxyctl 700 ",
    "/etc/tproxyctl/stored-by-install.yaml 600 ",
  ]);
  expect(await host.run(["systemd-analyze", "verify", `/${UNIT}`])).toMatchObject({
    exitCode: 0,
    stderr: "",
  });
  expect(await host.mustRun("systemctl", "is-enabled", "tproxyctl.service")).toBe("enabled");

  await host.reboot();
  expect(probe()).toBe("0.0.0.0:15001");
  const properties = ["ActiveState", "ActiveEnterTimestampMonotonic", "Result"].map(
    (name) => `--property=${name}`,
  );
  const show = (unit: string) => host.mustRun("systemctl", "show", ...properties, unit);
  const started = parseProperties(await show("tproxyctl.service"));
  expect(started).toMatchObject({ ActiveState: "active", Result: "success" });
  const online = parseProperties(await show("network-online.target"));
  expect(Number(started.ActiveEnterTimestampMonotonic)).toBeLessThan(
    Number(online.ActiveEnterTimestampMonotonic),
  );
  const status = await host.tproxyctl("status", "--json");
  expect(status.exitCode, status.stdout).toBe(0);
  const { record, stored } = JSON.parse(status.stdout);
  expect(record).toMatchObject({ inbound: { excludedPorts: [22] }, outbound: { excludedPorts: [9999] } });
  expect(stored).toMatchObject({ systemd: { enabled: true, same: true } });

  const inbound = ["nsenter", "--net=/run/netns/remote", TPNET, "connect", "--to", "10.66.0.1:8080"];
  expect(JSON.parse(await host.mustRun(...inbound)).server?.listener).toBe("0.0.0.0:15006");

  await host.mustRun("systemctl", "stop", "tproxyctl.service");
  expect((await host.connect(TARGET)).server?.listener).toBe("0.0.0.0:15001");
  await host.mustRun("systemctl", "restart", "tproxyctl.service");

  const removed = await host.tproxyctl("uninstall");
  expect(removed).toMatchObject({ exitCode: 0 });
  expect(await etc()).toBe(before);
  expect((await host.run(["systemctl", "status", "tproxyctl.service"])).exitCode).toBe(4); // no such unit
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
  await host.reboot();
  expect(probe()).toBe(TARGET);
  expect((await host.tproxyctl("status")).exitCode).toBe(1);
});

test("what is stored follows the installation, and is as it was where that fails", async () => {
  expect(await install("--engine=ebpf", "--store-systemd")).toMatchObject({ exitCode: 0 });
  const first = host.read(CONFIGURATION);

  const failed = await install("--engine=ebpf", "--ebpf-tc-attach-iface=nowhere0");
  expect(failed.exitCode).toBe(1);
  expect(host.read(CONFIGURATION)).toBe(first);
  const alsoFailed = await install("--engine=ebpf", "--ebpf-tc-attach-iface=nowhere0", "--store-systemd");
  expect(alsoFailed.exitCode).toBe(1);
  expect(host.read(CONFIGURATION)).toBe(first);

  const waiting = await install("--engine=iptables", "--store-systemd", "--confirm-within=60s");
  expectFailure(waiting, "CONFIG_INVALID", /confirm it first/);

  const changed = await install("--engine=iptables", "--exclude-outbound-ports=1234");
  expect(changed.stderr).toMatch(/stored-by-install\.yaml was changed with the installation/);
  await host.reboot();
  expect(probe()).toBe("0.0.0.0:15001");
  const status = JSON.parse((await host.tproxyctl("status", "--json")).stdout);
  expect(status).toMatchObject({
    engine: "iptables",
    record: { outbound: { excludedPorts: [1234] } },
    stored: { systemd: { same: true } },
  });

  const unconfirmed = await install("--engine=ebpf", "--confirm-within=100s");
  expect(unconfirmed.stderr, unconfirmed.stderr).toMatch(/that is changed when you confirm this one/);
  expect(host.read(CONFIGURATION)).toMatch(/engine: "iptables"/);
  expect((await host.tproxyctl("confirm")).stderr).toMatch(/was changed with the installation/);
  expect(host.read(CONFIGURATION)).toMatch(/engine: "ebpf"/);
  await install("--engine=iptables", "--exclude-outbound-ports=1234");

  await host.mustRun("sed", "-i", "s/1234/4321/", `/${CONFIGURATION}`);
  const edited = await host.tproxyctl("status");
  expect([edited.exitCode, edited.stdout]).toEqual([
    2,
    expect.stringMatching(/another configuration is stored/),
  ]);
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
});

test("it is for the host's own network namespace, whatever engine", async () => {
  const before = await etc();
  const inRemote = ["nsenter", "--net=/run/netns/remote", TPROXYCTL];
  for (const engine of ["iptables", "auto"]) {
    const flags = [`--engine=${engine}`, "--kuma-dp-user", String(PROXY_UID), "--verbose", "--store-systemd"];
    const refused = await host.run([...inRemote, "install", ...flags]);
    expectFailure(refused, "OPTION_UNSUPPORTED", /the host's own network namespace/);
    expect(refused.stderr).not.toMatch(/takes over|neither engine/);
    const dry = await host.run([...inRemote, "install", ...flags, "--dry-run"]);
    expect(dry.exitCode, dry.stderr).toBe(0);
    expect(dry.stderr).toMatch(/install would refuse \(OPTION_UNSUPPORTED\)/);
    expect(dry.stderr).not.toMatch(/would be stored/);
  }
  expect(await etc()).toBe(before);
});

test("another one's file by the name of ours is another one's", async () => {
  const wants = `kumaDPUser: ${PROXY_UID}\n`;
  await host.mustRun("mkdir", "/etc/tproxyctl");
  const put = (text: string) => host.run(["tee", `/${CONFIGURATION}`], { input: text });
  const flags = ["--config", `/${CONFIGURATION}`, "--engine=iptables"];
  // Also a copy of ours, on a mount of its own that cannot be written to.
  const marked = `# Written by tproxyctl install --store-systemd, for the next start of this host.\n${wants}`;
  for (const [text, readOnly] of [
    [wants, false],
    [marked, true],
  ] as const) {
    expect((await put(text)).exitCode).toBe(0);
    const path = `/${CONFIGURATION}`;
    if (readOnly) await host.mustRun("mount", "--bind", path, path);
    if (readOnly) await host.mustRun("mount", "-o", "remount,ro,bind", path);
    const before = await etc();
    expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
    const installed = await host.tproxyctl("install", ...flags);
    expect(installed.exitCode, installed.stderr).toBe(0);
    expect(installed.stderr).not.toMatch(/stored|changed with/);
    const status = await host.tproxyctl("status", "--json");
    expect([status.exitCode, JSON.parse(status.stdout).stored]).toEqual([0, undefined]);
    const refused = await host.tproxyctl("install", ...flags, "--store-systemd", "--verbose");
    expectFailure(refused, "STORE_FAILED", /was not stored by tproxyctl/);
    expect(refused.stderr).not.toMatch(/could not take back/);
    expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
    expect(await etc()).toBe(before);
    expect(await host.mustRun("cat", path)).toBe(text.trimEnd());
    if (readOnly) await host.mustRun("umount", path);
  }
  // An image without systemd.
  const without = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /etc/systemd && exec "$@"', "sh"];
  expect(await host.run([...without, TPROXYCTL, "install", ...flags])).toMatchObject({ exitCode: 0 });
  expect(await host.run([...without, TPROXYCTL, "uninstall"])).toMatchObject({ exitCode: 0 });
  await host.mustRun("rm", "-r", "/etc/tproxyctl");
});

test("what enables the unit is told by where it leads, and only what was made is removed", async () => {
  await host.mustRun("mkdir", "/etc/tproxyctl");
  await host.mustRun("ln", "-s", "/dev/null", `/${LINK}`);
  const before = await etc();
  const refused = await install("--engine=iptables", "--store-systemd", "--verbose");
  expectFailure(refused, "STORE_FAILED", /cannot enable tproxyctl\.service/);
  expect(await etc()).toBe(before);
  await host.mustRun("rm", `/${LINK}`);

  expect(await install("--engine=iptables", "--store-systemd")).toMatchObject({ exitCode: 0 });
  await host.mustRun("ln", "-sf", "../tproxyctl.service", `/${LINK}`);
  const status = await host.tproxyctl("status", "--json");
  expect(JSON.parse(status.stdout).stored).toEqual({
    systemd: { enabled: true, same: true, startable: true },
  });
  expect(await install("--engine=iptables", "--store-systemd")).toMatchObject({ exitCode: 0 });
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
  expect(await etc()).toBe(before.replace(/^.*tproxyctl\.service.*\n/m, ""));
  await host.mustRun("rmdir", "/etc/tproxyctl");
});

test("the unit names what outlives an upgrade, and status looks whether it is there", async () => {
  const root = dirname(dirname(TPROXYCTL));
  const node = "/usr/local/bin/node-of-ours";
  await host.mustRun("ln", "-s", `${root}/.node/bin/node`, node);
  const program = [node, `${root}/dist/main.js`];
  const flags = ["--engine=iptables", "--kuma-dp-user", String(PROXY_UID), "--store-systemd"];
  expect(await host.run([...program, "install", ...flags])).toMatchObject({ exitCode: 0 });
  expect(host.read(UNIT)).toContain(`ExecStart="${node}" "${root}/dist/main.js" install --stored\n`);
  const status = async () => {
    const { exitCode, stdout } = await host.tproxyctl("status");
    return { exitCode, stdout };
  };
  expect(await status()).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/, installed when this host starts/),
  });
  await host.mustRun("mv", node, `${node}.gone`);
  expect(await status()).toEqual({
    exitCode: 2,
    stdout: expect.stringMatching(
      /cannot install what is stored: \/usr\/local\/bin\/node-of-ours is gone[\s\S]*not installed when/,
    ),
  });
  await host.mustRun("mv", `${node}.gone`, node);
  await host.mustRun("sed", "-i", "s/^TimeoutStartSec=.*/TimeoutStartSec=1h/", `/${UNIT}`);
  expect(await status()).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/not as this version of tproxyctl writes it/),
  });
  expect(await host.run([...program, "install", ...flags.slice(0, -1)])).toMatchObject({ exitCode: 0 });
  expect((await status()).stdout).not.toMatch(/writes it/);
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
});

test("that nobody could come in by SSH before the proxy has started is said", async () => {
  await host.mustRun("cp", TPNET, "/usr/local/bin/sshd");
  await host.mustRun(
    "systemd-run",
    "--unit=sshd-test",
    "/usr/local/bin/sshd",
    "serve",
    "--listen=0.0.0.0:22",
  );
  await host.mustRun("sh", "-c", "until ss -Hltn 'sport = :22' | grep .; do sleep 0.05; done");
  const warning =
    /^warning: SSH needs the proxy whenever this host starts: .* port 22 \(sshd.*Add --exclude-inbound-ports 22/m;
  const plain = await install("--engine=iptables");
  expect([plain.exitCode, plain.stderr]).toEqual([0, expect.not.stringMatching(warning)]);
  for (const more of ["--dry-run", "--verbose"]) {
    const { exitCode, stderr } = await install("--engine=iptables", "--store-systemd", more);
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(warning)]);
  }
  const excluded = await install("--engine=iptables", "--exclude-inbound-ports=22");
  expect([excluded.exitCode, excluded.stderr]).toEqual([0, expect.not.stringMatching(warning)]);
  // What follows what is stored is stored.
  expect((await install("--engine=iptables")).stderr).toMatch(warning);
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
  await host.mustRun("systemctl", "stop", "sshd-test.service");
});

test("another one's unit of that name is left alone", async () => {
  await host.mustRun("ln", "-s", "/dev/null", `/${UNIT}`);
  expectFailure(await install("--store-systemd", "--verbose"), "STORE_FAILED", /unmask/);
  expect((await host.tproxyctl("status")).exitCode).toBe(1);
  await host.mustRun("rm", `/${UNIT}`);
});

function parseProperties(text: string): Record<string, string> {
  return Object.fromEntries(text.split("\n").map((line) => line.split("=") as [string, string]));
}

test("that others could change what root is to run at each start is said", async () => {
  const directory = dirname(dirname(TPROXYCTL));
  await host.mustRun("chmod", "o+w", directory);
  const { exitCode, stderr } = await install("--engine=iptables", "--store-systemd");
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toMatch(/main\.js at each start of this host, and others than root could change it/);
  await host.mustRun("chmod", "o-w", directory);
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
});
