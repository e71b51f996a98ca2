// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const EBPF_SETTINGS: readonly Setting[] = [
  {
    key: "ebpf.enabled",
    env: "EBPF_ENABLED",
    kind: "boolean",
    default: "false",
    flags: [{ name: "ebpf-enabled", help: "intercept with eBPF" }],
  },
  {
    key: "ebpf.instanceIPs",
    fileKey: "ebpf.instanceIP",
    env: "EBPF_INSTANCE_IP",
    kind: "addresses",
    default: "",
    flags: [
      {
        name: "ebpf-instance-ip",
        argument: "IPS",
        repeatable: true,
        help: "addresses (10.0.0.2,fd00::2) whose inbound connections are redirected; repeatable",
        defaultText: "all of the network namespace",
      },
    ],
  },
  {
    key: "ebpf.tcAttachIface",
    env: "EBPF_TC_ATTACH_IFACE",
    kind: "text",
    default: "",
    flags: [
      {
        name: "ebpf-tc-attach-iface",
        argument: "NAME",
        help: "redirect inbound connections of this interface only, by tc",
        defaultText: "sk_lookup, else tc on all but loopback",
      },
    ],
  },
  {
    key: "ebpf.programsSourcePath",
    env: "EBPF_PROGRAMS_SOURCE_PATH",
    kind: "path",
    default: "",
    flags: [
      {
        name: "ebpf-programs-source-path",
        argument: "DIRECTORY",
        help: "where the eBPF objects are",
        defaultText: "those of the package",
      },
    ],
  },
  {
    key: "ebpf.cgroupPath",
    env: "EBPF_CGROUP_PATH",
    kind: "path",
    default: "",
    flags: [
      {
        name: "ebpf-cgroup-path",
        argument: "DIRECTORY",
        help: "the cgroup2 whose processes are redirected",
        defaultText: "the root of cgroup2, found",
      },
    ],
  },
  {
    key: "ebpf.bpffsPath",
    env: "EBPF_BPFFS_PATH",
    kind: "path",
    default: "/run/kuma/bpf",
    flags: [{ name: "ebpf-bpffs-path", argument: "DIRECTORY", help: "where the installation is pinned" }],
  },
];
