// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { atLeast, kernelRelease, parseKernelRelease, requireProcessor } from "../../host/kernel.ts";
import { askForCookie } from "../netns.ts";

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

/** @throws TproxyError with why the cookie is not known: CAPABILITY_MISSING, LIBBPF_UNUSABLE, CGROUP_UNUSABLE, … */
export function requireCookie({ cookie }: NetnsFact): bigint {
  return cookie ?? askForCookie();
}
