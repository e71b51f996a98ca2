// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { atLeast, kernelRelease, parseKernelRelease, requireProcessor } from "../../host/kernel.ts";

/** What the product promises; what a kernel can do is found by probing. */
const OLDEST_KERNEL = { major: 5, minor: 7 } as const;

/** @throws TproxyError PROCESSOR_UNSUPPORTED, KERNEL_TOO_OLD */
export function requireKernel(release: string = kernelRelease(), processor: string = process.arch): void {
  requireProcessor(processor);
  const { major, minor } = OLDEST_KERNEL;
  if (atLeast(parseKernelRelease(release), major, minor)) return;
  throw new TproxyError("KERNEL_TOO_OLD", `this is Linux ${release}, older than ${major}.${minor}`, {
    hint: "The eBPF engine needs a newer kernel; --engine=iptables does not.",
  });
}

/** @throws TproxyError KERNEL_TOO_OLD */
export function requireCookie({ cookie }: NetnsFact): bigint {
  if (cookie !== undefined) return cookie;
  throw new TproxyError("KERNEL_TOO_OLD", "the kernel does not tell the cookie of a network namespace", {
    hint: "The eBPF engine needs SO_NETNS_COOKIE, which is in Linux 5.14 and newer; --engine=iptables does not.",
  });
}
