// SPDX-License-Identifier: Apache-2.0
import { type Feature, probe } from "../../bpf/probes.ts";
import { atLeast, kernelRelease, parseKernelRelease } from "../../host/kernel.ts";

/** What differs between kernels that can run the engine. */
export interface Features {
  /** Linux 5.8: getpeername can be answered. Without, an application sees the proxy's address there. */
  readonly getpeername: boolean;
  /** Linux 5.9: sk_lookup. Without, inbound connections are steered by tc alone. */
  readonly lookup: boolean;
  /** Linux 5.17: an sk_lookup program knows the interface. Without, tc tells it. */
  readonly lookupKnowsIfindex: boolean;
  /** Linux 5.15: a sockops program knows the network namespace. */
  readonly sockopsKnowsNetns: boolean;
  /** Linux 6.6: tc programs are attached by a link. Without, by a filter on a clsact qdisc. */
  readonly tcx: boolean;
}

/** Asks the kernel. What the engine cannot do without is not asked for: loading it tells. */
export function probeFeatures(): Features {
  return {
    getpeername: has("prog:getpeername4"),
    lookup: has("prog:sk_lookup"),
    lookupKnowsIfindex: has("sk_lookup:ingress_ifindex"),
    sockopsKnowsNetns: has("sock_ops:get_netns_cookie"),
    tcx: has("link:tcx"),
  };
}

/** Without permission (a dry run) the kernel does not answer: then its version has to do. */
function has(feature: Feature): boolean {
  const { available, reason, kernel } = probe(feature);
  if (available || reason !== "EPERM") return available;
  const { major, minor } = parseKernelRelease(kernel);
  return atLeast(parseKernelRelease(kernelRelease()), major, minor);
}
