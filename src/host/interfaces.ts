// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import type { InterfaceFact, LocalRouteFact } from "../core/facts.ts";
import { hasIpv6 } from "./addresses.ts";
import { run } from "./exec.ts";
import { parseInterfaces, parseLocalRoutes } from "./ip-json.ts";

export interface NetworkFacts {
  readonly interfaces: readonly InterfaceFact[];
  readonly localRoutes: readonly LocalRouteFact[];
}

/**
 * The interfaces of the current network namespace, their addresses (tentative ones too) and what the routing
 * table `local` delivers here. From `ip`, not from /sys/class/net, which shows the namespace that it was
 * mounted in. Throws COMMAND_FAILED where `ip` fails or says something that is not understood.
 */
export async function readNetwork(): Promise<NetworkFacts> {
  const [interfaces, ipv4, ipv6] = await Promise.all([
    run("ip", ["-json", "address", "show"]),
    readLocalTable(4),
    hasIpv6() ? readLocalTable(6) : "",
  ]);
  const localRoutes = [...parseLocalRoutes(ipv4, 4), ...parseLocalRoutes(ipv6, 6)];
  return { interfaces: parseInterfaces(interfaces.stdout), localRoutes };
}

/** The kernel's words (extack) for a namespace that never had an address: its loopback interface is down. */
const NO_TABLE = "FIB table does not exist";

async function readLocalTable(family: Family): Promise<string> {
  try {
    const { stdout } = await run("ip", ["-json", `-${family}`, "route", "show", "table", "local"]);
    return stdout;
  } catch (error) {
    if (error instanceof TproxyError && error.log?.includes(NO_TABLE)) return "";
    throw error;
  }
}
