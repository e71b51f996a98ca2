// SPDX-License-Identifier: Apache-2.0
import { isAvailable } from "../../bpf/probes.ts";

/** What differs between kernels that can run the engine. */
export interface Features {
  /** Linux 5.8: getpeername can be answered. Without, an application sees the proxy's address there. */
  readonly getpeername: boolean;
  /** Linux 5.9: sk_lookup. Without, inbound connections are steered by tc alone. */
  readonly lookup: boolean;
  /** Linux 5.17: an sk_lookup program knows the interface. Without, it tells local clients by address. */
  readonly lookupKnowsIfindex: boolean;
  /** Linux 5.15: a sockops program knows the network namespace. */
  readonly sockopsKnowsNetns: boolean;
  /** Linux 6.6: tc programs are attached by a link. Without, by a filter on a clsact qdisc. */
  readonly tcx: boolean;
}

/** Asks the kernel. What the engine cannot do without is not asked for: loading it tells. */
export function probeFeatures(): Features {
  return {
    getpeername: isAvailable("prog:getpeername4"),
    lookup: isAvailable("prog:sk_lookup"),
    lookupKnowsIfindex: isAvailable("sk_lookup:ingress_ifindex"),
    sockopsKnowsNetns: isAvailable("sock_ops:get_netns_cookie"),
    tcx: isAvailable("link:tcx"),
  };
}
