// SPDX-License-Identifier: Apache-2.0

/** The kernel's `enum bpf_prog_type`, as far as this project has a use for it, with the kernel that brought each. */
export const PROGRAM_TYPE = {
  sched_cls: { value: 3, kernel: "4.1" },
  sock_ops: { value: 13, kernel: "4.13" },
  cgroup_sock_addr: { value: 18, kernel: "4.17" },
  cgroup_sockopt: { value: 25, kernel: "5.3" },
  sk_lookup: { value: 30, kernel: "5.9" },
} as const;

export type ProgramType = keyof typeof PROGRAM_TYPE;
