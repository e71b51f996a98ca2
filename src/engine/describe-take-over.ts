// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../core/facts.ts";
import type { EngineName } from "./engine.ts";
import { type Engines, readEbpf } from "./take-over.ts";

/**
 * What an installation with one engine would remove of the other's, one sentence each. Needs root.
 *
 * @throws TproxyError as the installation would: where the other's cannot be read
 */
export async function describeTakeOver(
  name: EngineName,
  { iptables }: Engines,
  netns: NetnsFact,
): Promise<string[]> {
  if (name === "iptables")
    return readEbpf(netns).map(({ pins }) => `the eBPF installation in ${pins} would be removed`);
  const found = await iptables.find(netns);
  return found?.redirects ? ["the rules of iptables that are there would be removed"] : [];
}
