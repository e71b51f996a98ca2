// SPDX-License-Identifier: Apache-2.0
import { findUserListeners } from "../host/listeners.ts";
import { findSocketOwners } from "../host/socket-owner.ts";
import { findServices, warnOfSharedUser } from "../plan/judge-users.ts";
import type { Plan } from "../plan/plan.ts";

/** Warnings where the proxy's user is also who installs, or who runs a service here; one sentence each. */
export function findSharedUser(plan: Plan): string[] {
  const { proxyUser, inbound, outbound, dns } = plan;
  const listeners = findUserListeners(proxyUser.uid);
  const owners = findSocketOwners(listeners);
  // One that cannot be seen from here (in another PID namespace) may well be the proxy.
  const processes = listeners.flatMap(({ inode, port }) => {
    const owner = owners.get(inode);
    return owner === undefined ? [] : [{ command: owner.command, pid: owner.pid, port }];
  });
  const ports = new Set([inbound.port, outbound.port, dns.port]);
  return warnOfSharedUser(proxyUser, installers(), findServices(processes, ports));
}

/** sudo says who called it, and so may anybody who sets SUDO_UID: no more than a warning comes of it. */
function installers(): number[] {
  const { SUDO_UID = "" } = process.env;
  const self = process.getuid?.();
  return [...(self === undefined ? [] : [self]), ...(/^[0-9]+$/.test(SUDO_UID) ? [Number(SUDO_UID)] : [])];
}
