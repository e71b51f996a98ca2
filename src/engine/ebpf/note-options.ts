// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";

/**
 * Options that are about rules, packets and conntrack: there is nothing of that in the way of an intercepted connection.
 * One sentence for each that was asked for. How rules are written and applied (comments, waiting) is left out: virtual
 * networks have rules, too.
 */
export function noteOptionsWithoutMeaning({ dropInvalidPackets, log, redirect }: Config): string[] {
  const { inbound, outbound, dns } = redirect;
  const notes: [isGiven: boolean, note: string][] = [
    [dropInvalidPackets, "--drop-invalid-packets has no meaning with eBPF: nothing passes conntrack"],
    [log.enabled, "--iptables-logs has no meaning with eBPF: there are no rules that could log"],
    [
      dns.skipConntrackZoneSplit,
      "--skip-dns-conntrack-zone-split has no meaning with eBPF: there are no zones",
    ],
    [
      inbound.insertRedirectInsteadOfAppend,
      "--redirect-inbound-insert-instead-of-append has no meaning with eBPF: there is no rule to be inserted",
    ],
    [
      outbound.insertRedirectInsteadOfAppend,
      "--redirect-outbound-insert-instead-of-append has no meaning with eBPF: there is no rule to be inserted",
    ],
  ];
  return notes.flatMap(([isGiven, note]) => (isGiven ? [note] : []));
}
