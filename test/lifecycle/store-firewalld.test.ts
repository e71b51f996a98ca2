// --store-firewalld, with Debian's firewalld as a service of a host that starts.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Container, fetchFirewalld } from "../support/container.ts";
import { PROXY_UID, TPROXYCTL } from "../support/world.ts";
import { ConnectionStream } from "./connection-stream.ts";
import { expectNoPreparedFile, readCalls, traced } from "./file-trace.ts";
import { expectFailure } from "./support.ts";

const DIRECT = "etc/firewalld/direct.xml";
const CONFIGURATION = "etc/firewalld/firewalld.conf";
const TARGETS = ["10.66.0.2:8080", "[fd66::2]:8080"] as const;

/** Of the administrator: a chain, a direct rule, a passthrough, comments. */
const THEIRS = `<?xml version="1.0" encoding="utf-8"?>
<direct>
  <!-- of the administrator -->
  <chain ipv="ipv4" table="nat" chain="THEIRS"/>
  <rule ipv="ipv4" table="nat" chain="OUTPUT" priority="0">-p tcp --dport 7777 -j THEIRS</rule>
  <passthrough ipv="ipv4">-t nat -A THEIRS -m comment --comment 'of theirs' -j RETURN</passthrough>
</direct>
`;

/** What firewalld applies rules with; the engine calls another name. */
const RESTORE = "usr/sbin/iptables-restore";
const REFUSES_OURS = `#!/bin/sh
text=$(cat)
case $text in *KUMA*) echo "not these" >&2; exit 1;; esac
printf '%s\\n' "$text" | exec /usr/sbin/iptables-nft-restore "$@"
`;

const EVERYTHING = [
  ...["--redirect-dns", "--exclude-inbound-ports=22", "--exclude-outbound-ports=22,443"],
  ...[
    "--exclude-outbound-ips=10.77.0.0/16,fd77::/16",
    "--exclude-outbound-ports-for-uids=tcp:9000-9010:1234",
  ],
  ...["--vnet=br+:172.17.0.0/16", "--drop-invalid-packets"],
];

let host: Container;

beforeAll(async () => {
  const firewalld = "/lib/systemd/system/firewalld.service";
  host = await Container.start([fetchFirewalld()], new Map([["firewalld.service", ""]]));
  await host.mustRun("ln", "-s", firewalld, "/etc/systemd/system/dbus-org.fedoraproject.FirewallD1.service");
});

afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await write(DIRECT, THEIRS);
  await reload();
});

async function write(path: string, text: string): Promise<void> {
  expect((await host.run(["tee", `/${path}`], { input: text })).exitCode).toBe(0);
}

async function configure(name: string, value: string): Promise<void> {
  await host.mustRun("sed", "-i", `s/^${name}=.*/${name}=${value}/`, `/${CONFIGURATION}`);
}

/** It is on the bus, and so started for systemd, before it has applied anything; it answers when it has. */
async function started(): Promise<void> {
  expect(await host.mustRun("firewall-cmd", "--state")).toBe("running");
}

async function restart(): Promise<void> {
  await host.mustRun("systemctl", "restart", "firewalld.service");
  await started();
}

function reload(): Promise<string> {
  return host.mustRun("firewall-cmd", "--reload");
}

const install = (...flags: string[]) => host.tproxyctl(...installArguments(flags));

function installArguments(flags: readonly string[]): string[] {
  const engine = flags.some((flag) => flag.startsWith("--engine")) ? [] : ["--engine=iptables"];
  return ["install", "--kuma-dp-user", String(PROXY_UID), "--verbose", ...engine, ...flags];
}

async function mustInstall(...flags: string[]): Promise<string> {
  const { exitCode, stderr } = await install(...flags);
  expect(exitCode, stderr).toBe(0);
  return stderr;
}

async function expectIntercepted(targets: readonly string[] = TARGETS): Promise<void> {
  for (const target of targets)
    expect((await host.connect(target)).server).toMatchObject({
      listener: expect.stringMatching(/:15001$/),
      origdst: target,
    });
}

/** All rules are there, each once, as `install` made them; and that is what is stored. */
async function expectIntact(): Promise<void> {
  const { exitCode, stdout } = await host.tproxyctl("status", "--json");
  expect(exitCode, stdout).toBe(0);
  expect(JSON.parse(stdout).stored).toEqual({ firewalld: { same: true } });
}

async function rules(): Promise<string> {
  const saved = await Promise.all([host.mustRun("iptables-save"), host.mustRun("ip6tables-save")]);
  const lines = saved.flatMap((text, family) => {
    let table = "";
    return text.split("\n").map((line) => {
      if (line.startsWith("*")) table = `IPv${[4, 6][family]} ${line.slice(1)}`;
      return `${table} ${line.replace(/ \[\d+:\d+\]$/, "")}`;
    });
  });
  // Empty tables come by looking at them, with iptables-nft.
  return lines.filter((line) => / (-A|:.* -)/.test(line)).join("\n");
}

test("firewalld takes the rules of both families over, and brings them back", async () => {
  const before = await rules();
  const said = await mustInstall("--store-firewalld", ...EVERYTHING);
  expect(said).toMatch(/RFC3964_IPv4=no/);
  await expectIntact();
  await expectIntercepted([TARGETS[0]]);

  await configure("RFC3964_IPv4", "no");
  await reload();
  await expectIntercepted();
  const installed = await rules();
  expect(installed).toMatch(/-A OUTPUT -p tcp -m tcp --dport 7777 -j THEIRS/);

  await host.mustRun("firewall-cmd", "--complete-reload");
  expect(await rules()).toBe(installed);
  await restart();
  expect(await rules()).toBe(installed);
  await expectIntact();
  await expectIntercepted();

  await host.reboot();
  await started();
  expect(await rules()).toBe(installed);
  await expectIntercepted();
  // What it remembers besides has gone with the kernel: installing again sets that right, and changes nothing else.
  expect((await host.tproxyctl("status")).exitCode).toBe(2);
  await mustInstall("--store-firewalld", ...EVERYTHING);
  expect(await rules()).toBe(installed);
  await expectIntact();

  // firewalld writes the file by itself: comments of XML are lost, quotes are others.
  const theirs = [
    "--permanent",
    "--direct",
    "--add-rule",
    "ipv6",
    "nat",
    "OUTPUT",
    "5",
    "-p",
    "tcp",
    "--dport",
    "7778",
  ];
  await host.mustRun("firewall-cmd", ...theirs, "-j", "ACCEPT");
  expect(host.read(DIRECT)).not.toContain("tproxyctl");
  const removed = await host.tproxyctl("uninstall");
  expect(removed.exitCode, removed.stderr).toBe(0);
  const left = host.read(DIRECT);
  expect(left).not.toMatch(/KUMA|kuma/);
  expect(left.match(/<(chain|rule|passthrough) /g)).toHaveLength(4);
  expect((await rules()).replace(/\nIPv6 nat -A OUTPUT -p tcp -m tcp --dport 7778 -j ACCEPT/, "")).toBe(
    before,
  );
  expect(await host.mustRun("firewall-cmd", "--direct", "--get-all-passthroughs")).not.toMatch(/kuma/i);
  expect((await host.tproxyctl("status")).exitCode).toBe(1);
});

test("while it reloads no new connection passes the proxy by", async () => {
  const log = "var/store.log";
  const flags = installArguments(["--store-firewalld", "--ip-family-mode=ipv4"]);
  expect(await host.run(traced(`/${log}`, "/tmp", [TPROXYCTL, ...flags]))).toMatchObject({ exitCode: 0 });
  const made = /^\/(run|etc\/firewalld)\/(tproxyctl|\.tproxyctl-[0-9a-f]{16}$)/;
  expectNoPreparedFile(readCalls(host.read(log)), made);
  const stream = await ConnectionStream.start(host, TARGETS[0]);
  await reload();
  await reload();
  await stream.more(5);
  expect(await stream.stop()).toEqual([]);
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
  expect(host.read(DIRECT)).toBe(THEIRS);
});

test("the stored rules follow the installation, whatever it is changed to", async () => {
  await mustInstall("--store-firewalld", "--disable-comments", ...EVERYTHING);
  await expectIntact();
  const said = await mustInstall("--exclude-outbound-ports=1234");
  expect(said).toMatch(/firewalld has rules of the transparent proxy stored: they were changed/);
  await expectIntact();
  expect(host.read(DIRECT)).toMatch(/--dport 1234/);
  await reload();
  await expectIntact();
  // It reloads, which removes all rules of iptables: those beside the programs are its own by then.
  const networks = await mustInstall("--engine=ebpf", "--vnet=br+:172.17.0.0/16");
  expect(networks).toMatch(/firewalld has rules of the transparent proxy stored: they were changed/);
  const beside = ours(await rules());
  expect(beside).toMatch(/PREROUTING .*172\.17\.0\.0\/16/);
  await expectIntact();
  await reload();
  expect(ours(await rules())).toBe(beside);
  expect(host.read(DIRECT)).not.toMatch(/KUMA_MESH_OUTBOUND/);
  const ebpf = await mustInstall("--engine=ebpf", "--store-firewalld");
  expect(ebpf).toMatch(/the rules that firewalld had stored are gone/);
  expect(ebpf).toMatch(/warning: storing with firewalld does nothing with eBPF/);
  expect(host.read(DIRECT)).toBe(THEIRS);
  expect(await rules()).not.toMatch(/KUMA/);
  await expectIntercepted();
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
});

test("where firewalld does not take them, or the file is not its own, nothing has changed", async () => {
  await mustInstall("--exclude-outbound-ports=1");
  const before = await rules();
  await host.mustRun("mv", `/${RESTORE}`, `/${RESTORE}.theirs`);
  await write(RESTORE, REFUSES_OURS);
  await host.mustRun("chmod", "755", `/${RESTORE}`);
  const refused = await install("--store-firewalld", "--exclude-outbound-ports=2");
  expectFailure(refused, "STORE_FAILED", /firewalld does not take/, /not these/);
  expect(refused.stderr).not.toMatch(/could not take back/);
  await host.mustRun("mv", `/${RESTORE}.theirs`, `/${RESTORE}`);
  expect(host.read(DIRECT)).toBe(THEIRS);
  expect(await rules()).toBe(before);

  await write(DIRECT, "<direct><chain>");
  expectFailure(await install("--store-firewalld"), "STORE_FAILED", /is not what firewalld writes/);
  expect(host.read(DIRECT)).toBe("<direct><chain>");
  await write(DIRECT, THEIRS);
  await reload();
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
});

test("with iptables as firewalld's backend the rules are the same", async () => {
  await configure("FirewallBackend", "iptables");
  await restart();
  const before = await rules();
  await mustInstall("--store-firewalld", ...EVERYTHING);
  await expectIntact();
  await expectIntercepted();
  await reload();
  await expectIntact();
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
  expect(await rules()).toBe(before);
  expect(host.read(DIRECT)).toBe(THEIRS);
});

test("stopped, it applies them when it starts; without it there is nowhere to store them", async () => {
  await host.mustRun("systemctl", "stop", "firewalld.service");
  await host.mustRun("rm", `/${DIRECT}`);
  expect(await mustInstall("--store-firewalld")).toMatch(/firewalld does not run/);
  const installed = ours(await rules());
  expect(installed).toMatch(/KUMA_MESH_OUTBOUND/);
  await restart();
  expect(ours(await rules())).toBe(installed);
  expect((await host.tproxyctl("uninstall")).exitCode).toBe(0);
  expect(await host.run(["test", "-e", `/${DIRECT}`])).toMatchObject({ exitCode: 1 });
  const inRemote = ["nsenter", "--net=/run/netns/remote", TPROXYCTL, "install", "--verbose"];
  const elsewhere = await host.run([...inRemote, "--kuma-dp-user", String(PROXY_UID), "--store-firewalld"]);
  expectFailure(elsewhere, "OPTION_UNSUPPORTED", /the host's own network namespace/);
  await host.mustRun("mv", "/etc/firewalld", "/etc/elsewhere");
  expectFailure(await install("--store-firewalld"), "OPTION_UNSUPPORTED", /it is not installed here/);
  await host.mustRun("mv", "/etc/elsewhere", "/etc/firewalld");
});

function ours(text: string): string {
  return text
    .split("\n")
    .filter((line) => /KUMA|kuma/.test(line))
    .join("\n");
}
