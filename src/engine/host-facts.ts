// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from "../core/facts.ts";
import { readNetwork } from "../host/interfaces.ts";
import { kernelRelease } from "../host/kernel.ts";
import { readNetns } from "../host/netns.ts";
import { resolveProxyUser } from "../host/users.ts";

/**
 * Looks at this host, as far as a plan needs to know it.
 *
 * @throws TproxyError USER_UNKNOWN, COMMAND_FAILED, KERNEL_TOO_OLD
 */
export async function readHostFacts(proxyUser: string): Promise<HostFacts> {
  const user = resolveProxyUser(proxyUser);
  return { kernelRelease: kernelRelease(), netns: readNetns(), proxyUser: user, ...(await readNetwork()) };
}
