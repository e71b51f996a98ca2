// SPDX-License-Identifier: Apache-2.0
import type { Flag } from "./flag.ts";

/** Flags of `install` that set nothing: of kumactl 1.0 to 2.8, taken so that old command lines go on to work. */
export const FLAGS_WITHOUT_EFFECT: readonly Flag[] = [
  nothing("experimental-transparent-proxy-engine", "--engine chooses between the engines"),
  nothing("use-transparent-proxy-engine-v1", "there is no such engine any more; --engine chooses"),
  nothing("skip-resolv-conf", "/etc/resolv.conf is never changed"),
  nothing("modify-resolv-conf", "/etc/resolv.conf is never changed"),
  nothing("modify-iptables", "--dry-run is for changing nothing"),
  nothing("kuma-cp-ip", "DNS goes to the proxy (--redirect-dns), not to the control plane", "IP"),
  nothing("redirect-dns-upstream-target-chain", "the proxy's own queries are left alone, always", "CHAIN"),
];

function nothing(name: string, why: string, argument?: string): Flag {
  const flag = { name, help: "does nothing", hidden: true, deprecated: `--${name} does nothing: ${why}` };
  return argument === undefined ? flag : { ...flag, argument };
}
