// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const EBPF_SETTINGS: readonly Setting[] = [
  {
    key: "ebpf.enabled",
    default: "false",
    flags: [{ name: "ebpf-enabled", help: "intercept with eBPF" }],
  },
  {
    key: "ebpf.instanceIPs",
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
    default: "/run/kuma/bpf",
    flags: [{ name: "ebpf-bpffs-path", argument: "DIRECTORY", help: "where the installation is pinned" }],
  },
];
