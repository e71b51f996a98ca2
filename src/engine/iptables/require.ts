// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { Plan } from "../../plan/plan.ts";

/**
 * What rules cannot do is refused, not left out in silence. A rule for what this host sends cannot ask whether somebody
 * listens: the match `socket` is for packets that arrive (PREROUTING and INPUT).
 *
 * @throws TproxyError OPTION_UNSUPPORTED
 */
export function requireSupport({ whenProxyDown }: Pick<Plan, "whenProxyDown">): void {
  if (whenProxyDown !== "bypass") return;
  throw new TproxyError(
    "OPTION_UNSUPPORTED",
    "the iptables engine cannot do --when-proxy-down=bypass: its rules do not know whether anybody listens",
    {
      hint: "Leave --when-proxy-down at refuse, or ask for eBPF where it is possible (--ebpf-enabled or --engine=ebpf).",
    },
  );
}
