// SPDX-License-Identifier: Apache-2.0

/** Where a program is attached: the kernel's `enum bpf_attach_type`, with the kernel that brought each. */
export const ATTACH_TYPE = {
  inet_ingress: { value: 0, kernel: "4.10" },
  inet_egress: { value: 1, kernel: "4.10" },
  sock_create: { value: 2, kernel: "4.10" },
  sock_ops: { value: 3, kernel: "4.13" },
  device: { value: 6, kernel: "4.15" },
  sk_msg_verdict: { value: 7, kernel: "4.17" },
  bind4: { value: 8, kernel: "4.17" },
  bind6: { value: 9, kernel: "4.17" },
  connect4: { value: 10, kernel: "4.17" },
  connect6: { value: 11, kernel: "4.17" },
  post_bind4: { value: 12, kernel: "4.17" },
  post_bind6: { value: 13, kernel: "4.17" },
  sendmsg4: { value: 14, kernel: "4.18" },
  sendmsg6: { value: 15, kernel: "4.18" },
  sysctl: { value: 18, kernel: "5.2" },
  recvmsg4: { value: 19, kernel: "5.2" },
  recvmsg6: { value: 20, kernel: "5.2" },
  getsockopt: { value: 21, kernel: "5.3" },
  setsockopt: { value: 22, kernel: "5.3" },
  getpeername4: { value: 29, kernel: "5.8" },
  getpeername6: { value: 30, kernel: "5.8" },
  getsockname4: { value: 31, kernel: "5.8" },
  getsockname6: { value: 32, kernel: "5.8" },
  sock_release: { value: 34, kernel: "5.9" },
  sk_lookup: { value: 36, kernel: "5.9" },
  tcx_ingress: { value: 46, kernel: "6.6" },
  tcx_egress: { value: 47, kernel: "6.6" },
} as const;

export type AttachType = keyof typeof ATTACH_TYPE;

/** The name of a number of the kernel's; undefined for those that this project has no use for. */
export function attachTypeName(value: number): AttachType | undefined {
  const names = Object.keys(ATTACH_TYPE) as readonly AttachType[];
  return names.find((name) => ATTACH_TYPE[name].value === value);
}
