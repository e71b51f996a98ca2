// SPDX-License-Identifier: Apache-2.0

/** Where a program is attached: the kernel's `enum bpf_attach_type`, with the kernel that brought each. */
export const ATTACH_TYPE = {
  sock_ops: { value: 3, kernel: "4.13" },
  connect4: { value: 10, kernel: "4.17" },
  connect6: { value: 11, kernel: "4.17" },
  sendmsg4: { value: 14, kernel: "4.18" },
  sendmsg6: { value: 15, kernel: "4.18" },
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
