// The command lines of Kuma's init container, 1.8 to 2.14: each must go on to work as it is. The order of the words is that
// of AsKumactlCommandLine in pkg/transparentproxy/kubernetes of each release.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { run } from "../../../src/cli/run.ts";
import type { Config } from "../../../src/config/config.ts";
import { CONFIG_MAP } from "./kuma-config-map.ts";

async function install(argv: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  let stderr = "";
  let config: Config | undefined;
  const environment = {
    stdout: { write: () => true },
    stderr: { write: (text: string) => (stderr += text) },
    stdin: () => Readable.from([]),
    variables,
    untilTerminated: () => AbortSignal.abort(),
  };
  const status = await run(["install", "transparent-proxy", ...argv], environment, {
    ...COMMANDS,
    install: async () => ({
      runInstall: async (given) => {
        config = given;
        return 0;
      },
    }),
  });
  return { status, stderr, config };
}

const OLD = [
  ...["--redirect-outbound-port", "15001", "--redirect-inbound=true", "--redirect-inbound-port", "15006"],
  ...["--redirect-inbound-port-v6", "15010", "--kuma-dp-uid", "5678", "--exclude-inbound-ports", ""],
  ...["--exclude-outbound-ports", "", "--verbose"],
];
const DNS = ["--redirect-all-dns-traffic", "--redirect-dns-port", "15053"];
/** What stands for the pod's address ($(INSTANCE_IP)) was replaced by Kubernetes. */
const EBPF = ["--ebpf-enabled", "--ebpf-instance-ip", "10.0.0.1", "--ebpf-bpffs-path", "/sys/fs/bpf"];
const EBPF_PATHS = ["--ebpf-cgroup-path", "/sys/fs/cgroup", "--ebpf-programs-source-path", "/tmp/kuma-ebpf"];
const NEW_EBPF = ["--ebpf-bpffs-path=/run/kuma/bpf", "--ebpf-cgroup-path=/sys/fs/cgroup"];

const usual = { kumaDPUser: "5678", verbose: true, redirect: { inbound: { port: 15006, excludePorts: [] } } };
const dns = { enabled: true, captureAll: true, port: 15053 };

test.each<[string, string[], object]>([
  ["1.8–2.4", [...OLD, "--skip-resolv-conf"], usual],
  ["1.8–2.4 with DNS", [...OLD, "--skip-resolv-conf", ...DNS], { ...usual, redirect: { dns } }],
  [
    "1.8 with DNS in one conntrack zone",
    [...OLD, "--skip-resolv-conf", ...DNS, "--skip-dns-conntrack-zone-split"],
    { ...usual, redirect: { dns: { ...dns, skipConntrackZoneSplit: true } } },
  ],
  [
    "1.8–2.1 with the new engine",
    [...OLD, "--skip-resolv-conf", "--experimental-transparent-proxy-engine"],
    usual,
  ],
  [
    "2.0, 2.1 with eBPF",
    [
      ...[...OLD, "--skip-resolv-conf", ...DNS, "--experimental-transparent-proxy-engine", ...EBPF],
      ...["--ebpf-programs-source-path", "/kuma/ebpf"],
    ],
    { ...usual, ebpf: { enabled: true, programsSourcePath: "", instanceIPs: [{ family: 4 }] } },
  ],
  ["2.2–2.4 with the old engine", [...OLD, "--skip-resolv-conf", "--use-transparent-proxy-engine-v1"], usual],
  [
    "2.0–2.4 with rules for users",
    [
      ...[...OLD, "--skip-resolv-conf", "--exclude-outbound-tcp-ports-for-uids", "80,8000-8080:1000"],
      ...["--exclude-outbound-udp-ports-for-uids", "53:1000-1999", ...DNS],
    ],
    { redirect: { outbound: { excludePortsForUIDs: [{ protocol: "tcp" }, { protocol: "udp" }] }, dns } },
  ],
  [
    "2.2–2.4 with eBPF",
    [...OLD, "--skip-resolv-conf", ...EBPF, ...EBPF_PATHS],
    { ...usual, ebpf: { enabled: true, bpffsPath: "/sys/fs/bpf", programsSourcePath: "" } },
  ],
  [
    "2.2–2.4 with eBPF at an interface",
    [
      ...[...OLD, "--skip-resolv-conf", ...EBPF, "--ebpf-cgroup-path", "/sys/fs/cgroup"],
      ...["--ebpf-tc-attach-iface", "eth0", "--ebpf-programs-source-path", "/tmp/kuma-ebpf"],
    ],
    { ebpf: { tcAttachIface: "eth0", cgroupPath: "/sys/fs/cgroup" } },
  ],
  [
    "2.5–2.8 with rules for users",
    [
      ...[...OLD, "--exclude-outbound-ports-for-uids", "0", "--exclude-outbound-ports-for-uids", "12"],
      ...["--exclude-outbound-ports-for-uids", "tcp:11003:3", ...DNS],
    ],
    { redirect: { outbound: { excludePortsForUIDs: [1, 2, 3, 4, 5].map(() => ({})) }, dns } },
  ],
  [
    "2.6–2.8 with a port for IPv6 of its own, behind all else",
    [...OLD.filter((word) => !/v6$|^15010$/.test(word)), ...DNS, "--redirect-inbound-port-v6", "15011"],
    { ...usual, ipFamilyMode: "dualstack" },
  ],
  ["2.5, 2.6", OLD, usual],
  ["2.5, 2.6 with DNS", [...OLD, ...DNS], { redirect: { dns } }],
  ["2.7, 2.8", ["--config-file", "/tmp/kumactl/config", ...OLD, "--ip-family-mode", "dualstack"], usual],
  [
    "2.7, 2.8 with IPv4 alone",
    ["--config-file", "/tmp/kumactl/config", ...OLD, ...DNS, "--ip-family-mode", "ipv4"],
    { ipFamilyMode: "ipv4", redirect: { dns } },
  ],
  ["2.9+, all at its default", ["--kuma-dp-user=5678", "--verbose"], { verbose: true, kumaDPUser: "5678" }],
  [
    "2.9+",
    [
      ...[
        "--kuma-dp-user=5679",
        "--ip-family-mode=ipv4",
        "--redirect-outbound-port=1",
        "--exclude-outbound-ports=2,3",
      ],
      ...["--exclude-outbound-ips=10.0.0.1,fd00::/8", "--exclude-outbound-ports-for-uids=tcp:80:1"],
      ...[
        "--exclude-outbound-ports-for-uids=udp:53:2",
        "--redirect-inbound-port=4",
        "--exclude-inbound-ports=5",
      ],
      ...["--exclude-inbound-ips=10.0.0.2", "--redirect-all-dns-traffic", "--redirect-dns-port=6"],
      ...["--drop-invalid-packets", "--iptables-logs", "--verbose"],
    ],
    {
      kumaDPUser: "5679",
      ipFamilyMode: "ipv4",
      redirect: {
        inbound: { port: 4, excludePorts: [5], excludePortsForIPs: [{ length: 32 }] },
        outbound: {
          port: 1,
          excludePorts: [2, 3],
          excludePortsForIPs: [{ length: 32 }, { length: 8 }],
          excludePortsForUIDs: [{ protocol: "tcp" }, { protocol: "udp" }],
        },
        dns: { captureAll: true, port: 6 },
      },
      dropInvalidPackets: true,
      log: { enabled: true },
      verbose: true,
    },
  ],
  [
    "2.9+, a gateway",
    ["--kuma-dp-user=5678", "--redirect-inbound=false", "--verbose"],
    { redirect: { inbound: { enabled: false } } },
  ],
  [
    "2.9+ with eBPF, which names no address",
    ["--kuma-dp-user=5678", "--ebpf-enabled", ...NEW_EBPF, "--verbose"],
    { ebpf: { enabled: true, instanceIPs: [{ bytes: Uint8Array.of(10, 0, 0, 9) }] } },
  ],
  [
    "2.9+ with eBPF, where an annotation names the variable",
    [
      "--ebpf-enabled",
      ...NEW_EBPF,
      "--ebpf-programs-source-path=/tmp/kuma-ebpf",
      "--ebpf-instance-ip=10.0.0.8",
    ],
    { ebpf: { enabled: true, instanceIPs: [{ bytes: Uint8Array.of(10, 0, 0, 8) }] } },
  ],
  [
    "2.9, 2.10 with a ConfigMap: its text",
    ['--config=kumaDPUser: "5678"\nredirect:\n  dns: {enabled: true, captureAll: true}\n'],
    { kumaDPUser: "5678", redirect: { dns } },
  ],
  [
    "2.9, 2.10 with JSON",
    ['--config={"redirect":{"inbound":{"port":15007}}}'],
    { redirect: { inbound: { port: 15007 } } },
  ],
])("%s", async (_release, argv, expected) => {
  const { status, stderr, config } = await install(argv, { INSTANCE_IP: "10.0.0.9" });
  expect(stderr).not.toMatch(/^(error|warning)/m);
  expect(status).toBe(0);
  expect(config).toMatchObject(expected);
});

test("2.11+ with a ConfigMap: its files, both of which say all", async () => {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-init-"));
  try {
    const [base, custom] = ["base", "custom"].map((name) => join(directory, `${name}.yaml`));
    writeFileSync(base ?? "", CONFIG_MAP);
    writeFileSync(
      custom ?? "",
      "redirect:\n  dns:\n    enabled: true\n  inbound:\n    excludePorts: [9000]\n",
    );
    const { status, stderr, config } = await install([`--config=${base}`, `--config=${custom}`]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(config).toMatchObject({
      ...usual,
      verbose: false,
      redirect: { dns, inbound: { excludePorts: [9000] } },
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("what Kubernetes did not replace is no address", async () => {
  const { status, stderr } = await install(["--ebpf-enabled", "--ebpf-instance-ip", "$(INSTANCE_IP)"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: --ebpf-instance-ip: "\$\(INSTANCE_IP\)" is not an IP address/m);
});

test("kumactl's own configuration in front of the command is left alone", async () => {
  const environment = {
    stdout: { write: () => true },
    stderr: { write: () => true },
    stdin: () => Readable.from([]),
    variables: {},
    untilTerminated: () => AbortSignal.abort(),
  };
  const told: unknown[] = [];
  const commands = {
    ...COMMANDS,
    install: async () => ({ runInstall: async (config: Config) => told.push(config) - 1 }),
  };
  const argv = ["--config-file", "/nowhere", "--log-level", "info", "install", "transparent-proxy"];
  expect(await run(argv, environment, commands)).toBe(0);
  expect(told).toHaveLength(1);
});

test.each([
  ["--redirect-inbound-port-v6=0", { ipFamilyMode: "ipv4" }, /--ip-family-mode=ipv4/],
  ["--ipv6-disabled", { ipFamilyMode: "ipv4" }, /--ip-family-mode=ipv4/],
  ["--ipv6-disabled=false", { ipFamilyMode: "dualstack" }, /--ip-family-mode=ipv4/],
  ["--redirect-dns-upstream-target-chain=X", {}, /does nothing/],
  ["--kuma-cp-ip=10.0.0.1", {}, /does nothing/],
  ["--modify-iptables=false", {}, /does nothing/],
  ["--modify-resolv-conf", {}, /does nothing/],
])("the old flag %s has a note", async (flag, expected, note) => {
  const { status, stderr, config } = await install([flag]);
  expect([status, stderr.match(/^note: /gm)?.length]).toEqual([0, 1]);
  expect(stderr).toMatch(note);
  expect(config).toMatchObject(expected);
});
