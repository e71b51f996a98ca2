// Rules that somebody flushed, and others that are asked first: `status` says it, and the next install sets it right.

import { expect, test } from "vitest";
import type { World } from "../support/world.ts";
import { IPTABLES } from "./engines.ts";
import { expectFindings, findingsOf } from "./status-support.ts";
import { expectInterception, worldWithProxy } from "./support.ts";

async function sh(world: World, script: string): Promise<void> {
  const { exitCode, stderr } = await world.run(["sh", "-e", "-c", script], { cgroup: false });
  expect(exitCode, stderr).toBe(0);
}

/** What somebody does, and what status calls it. */
const DAMAGES = {
  nft: [
    ["iptables-nft -t nat -F; ip6tables-nft -t nat -F", ["rules-missing"]],
    ["nft flush ruleset", ["rules-missing"]],
    ["ip6tables-nft -t nat -D OUTPUT 1", ["rules-missing"]],
    ["ip addr del ::6/128 dev lo", ["passthrough-address-gone"]],
  ],
  legacy: [
    ["iptables-legacy -t nat -F", ["rules-missing"]],
    ["iptables-legacy -t nat -F; iptables-legacy -t nat -X", ["rules-missing"]],
  ],
} as const;

test.each(["nft", "legacy"] as const)("rules of iptables-%s", async (mode) => {
  await using world = await worldWithProxy();
  const flags = IPTABLES[mode];
  await world.install(...flags);
  await expectFindings(world, 0, []);
  for (const [damage, codes] of DAMAGES[mode]) {
    await sh(world, damage);
    const { exitCode, findings } = await findingsOf(world);
    expect({ exitCode, codes: findings.map(({ code }) => code) }, damage).toEqual({ exitCode: 2, codes });
    await world.install(...flags);
    await expectFindings(world, 0, []);
    await expectInterception(world);
  }
  // It may be meant: whether it keeps anything from ours, only a connection can tell.
  await sh(world, `iptables-${mode} -t nat -I OUTPUT 1 -d 192.0.2.1 -j ACCEPT`);
  const [before] = await expectFindings(world, 0, ["rules-before"]);
  expect(before?.message).toMatch(/nat OUTPUT \(IPv4, .* -d 192\.0\.2\.1\/32 -j ACCEPT/);
});

test("an IPv6 address where there was none", async () => {
  await using world = await worldWithProxy();
  await sh(world, "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6");
  await world.install(...IPTABLES.nft);
  await expectFindings(world, 0, []);
  await sh(
    world,
    "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip addr add fd66::1/64 dev eth0 nodad",
  );
  await expectFindings(world, 2, ["ipv6-added"]);
  await world.install(...IPTABLES.nft);
  await expectFindings(world, 0, []);
  await expectInterception(world);
});
