// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import type { HostFacts } from "../core/facts.ts";
import { readNetwork } from "../host/interfaces.ts";
import { kernelRelease } from "../host/kernel.ts";
import { readNameservers } from "../host/resolv-conf.ts";
import { resolveProxyUser } from "../host/users.ts";
import { readNetns } from "./netns.ts";

/** The facts, and what the user should know of how they were found, one sentence each. */
export interface NotedHostFacts extends HostFacts {
  readonly notes: readonly string[];
}

/**
 * Looks at this host, as far as a plan for this configuration needs to know it.
 *
 * @throws TproxyError USER_UNKNOWN, SYSCALL_FAILED
 * @throws ConfigError where the name servers are needed and resolv.conf cannot be read
 */
export function readHostFacts(config: Pick<Config, "kumaDPUser" | "redirect">): NotedHostFacts {
  const user = resolveProxyUser(config.kumaDPUser);
  const { nameservers, notes } = lookUpNameservers(config.redirect.dns);
  return {
    kernelRelease: kernelRelease(),
    netns: readNetns(),
    proxyUser: user,
    nameservers,
    notes,
    ...readNetwork(),
  };
}

function lookUpNameservers(dns: Config["redirect"]["dns"]): Pick<NotedHostFacts, "nameservers" | "notes"> {
  if (!dns.enabled || dns.captureAll) return { nameservers: [], notes: [] };
  const { addresses, unusable } = readNameservers(dns.resolvConfigPath);
  const notes = unusable.map(
    (word) =>
      `queries to the name server ${JSON.stringify(word)} of ${dns.resolvConfigPath} are left alone: ` +
      "it is not a plain IP address",
  );
  return { nameservers: addresses, notes };
}
