// The command lines of Kuma's init container, 1.8 to 2.14: each must go on to work as it is.

import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { run } from "../../../src/cli/run.ts";
import type { Config } from "../../../src/config/config.ts";

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
const EBPF = [
  ...["--ebpf-enabled", "--ebpf-bpffs-path", "/sys/fs/bpf", "--ebpf-cgroup-path", "/sys/fs/cgroup"],
  ...["--ebpf-tc-attach-iface", "", "--ebpf-programs-source-path", "/tmp/kuma-ebpf"],
];

const usual = { kumaDPUser: "5678", verbose: true, redirect: { inbound: { port: 15006, excludePorts: [] } } };
const dns = { enabled: true, captureAll: true, port: 15053 };

test.each<[string, string[], object]>([
  ["1.8–2.4", [...OLD, "--skip-resolv-conf"], usual],
  ["1.8–2.4 with DNS", [...OLD, "--skip-resolv-conf", ...DNS], { ...usual, redirect: { dns } }],
  [
    "1.8–2.1 with the new engine",
    [...OLD, "--skip-resolv-conf", "--experimental-transparent-proxy-engine"],
    usual,
  ],
  ["2.2–2.4 with the old engine", [...OLD, "--skip-resolv-conf", "--use-transparent-proxy-engine-v1"], usual],
  [
    "2.0–2.4 with rules for users",
    [
      ...[
        ...OLD,
        "--exclude-outbound-tcp-ports-for-uids",
        "80,8000-8080:1000",
        "--exclude-outbound-udp-ports-for-uids",
      ],
      "53:1000-1999",
    ],
    { redirect: { outbound: { excludePortsForUIDs: [{ protocol: "tcp" }, { protocol: "udp" }] } } },
  ],
  ["2.0–2.4 with eBPF", [...OLD, "--skip-resolv-conf", ...EBPF, "--ebpf-instance-ip", "10.0.0.1"], usual],
  ["2.5, 2.6", OLD, usual],
  ["2.5, 2.6 with DNS", [...OLD, ...DNS], { redirect: { dns } }],
  ["2.7, 2.8", ["--config-file", "/tmp/kumactl/config", ...OLD, "--ip-family-mode", "dualstack"], usual],
  [
    "2.7, 2.8 with IPv4 alone",
    ["--config-file", "/tmp/kumactl/config", ...OLD, ...DNS, "--ip-family-mode", "ipv4"],
    { ipFamilyMode: "ipv4", redirect: { dns } },
  ],
  ["2.9+, all at its default", [], { verbose: false, kumaDPUser: "" }],
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
  ["2.9+, a gateway", ["--redirect-inbound=false"], { redirect: { inbound: { enabled: false } } }],
  [
    "2.9+ with eBPF, which names no address",
    ["--ebpf-enabled=true", "--ebpf-bpffs-path=/run/kuma/bpf", "--ebpf-cgroup-path=/sys/fs/cgroup"],
    { ebpf: { enabled: true, instanceIPs: [{ bytes: Uint8Array.of(10, 0, 0, 9) }] } },
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
  ["--store-firewalld", {}, /--store-firewalld: .* not part of this version/],
])("the old flag %s has a note", async (flag, expected, note) => {
  const { status, stderr, config } = await install([flag]);
  expect([status, stderr.match(/^note: /gm)?.length]).toEqual([0, 1]);
  expect(stderr).toMatch(note);
  expect(config).toMatchObject(expected);
});
