// SPDX-License-Identifier: Apache-2.0
import type { UserFact } from "../core/facts.ts";

/** A process of the proxy's user that listens for connections. */
export interface ListeningProcess {
  readonly command: string;
  readonly pid: number;
  /** 1–65535 */
  readonly port: number;
}

/** The parts of a proxy, which listen on ports of their own: for administration, metrics, DNS. */
const PROXY_COMMANDS: ReadonlySet<string> = new Set(["envoy", "kuma-dp", "coredns"]);

/** Those of the processes that are no part of the proxy: neither by their name nor by listening on one of its ports. */
export function findServices(
  processes: readonly ListeningProcess[],
  proxyPorts: ReadonlySet<number>,
): ListeningProcess[] {
  const proxies = new Set(processes.filter(({ port }) => proxyPorts.has(port)).map(({ pid }) => pid));
  return processes.filter(({ pid, command }) => !proxies.has(pid) && !PROXY_COMMANDS.has(command));
}

/**
 * What the user should know where the proxy's user is somebody else's as well, whose traffic then is not intercepted, one
 * sentence each.
 *
 * @param installers UIDs of who installs: of this process, and of who called it by sudo
 */
export function warnOfSharedUser(
  user: UserFact,
  installers: readonly number[],
  services: readonly ListeningProcess[],
): string[] {
  const name = user.name === undefined ? `UID ${user.uid}` : `${user.name} (UID ${user.uid})`;
  const warnings: string[] = [];
  if (installers.includes(user.uid))
    warnings.push(
      `the proxy's user, ${name}, is also who installs: what this user sends is taken for the proxy's own and never ` +
        "intercepted; run the proxy as a user of its own (--kuma-dp-user)",
    );
  const named = services.map(({ command, pid, port }) => `${command} (process ${pid}) on port ${port}`);
  const more = named.length > MOST_NAMED ? ` and ${named.length - MOST_NAMED} more` : "";
  if (named.length > 0)
    warnings.push(
      `the proxy's user, ${name}, also runs ${named.slice(0, MOST_NAMED).join(", ")}${more}: what it sends is taken for ` +
        "the proxy's own, so to other hosts it is not intercepted, and to an address of this host it goes to the inbound " +
        "port; the service must run as any other user",
    );
  return warnings;
}

const MOST_NAMED = 5;
