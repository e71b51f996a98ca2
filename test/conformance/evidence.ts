// What shows that the way that was asked for is the one that did it, in figures of the kernel's own.

import { expect } from "vitest";
import type { World } from "../support/world.ts";
import type { IptablesWay, Way } from "./ways.ts";

/** How many connections from elsewhere this way has taken so far, also those that then found no listener. */
export async function inboundTaken(world: World, way: Way): Promise<number> {
  if (way.engine === "ebpf") return world.counter(way.counter);
  const rules = await countedRules(world, way.mode);
  return packets(rules, /^-A KUMA_MESH_INBOUND .*-j KUMA_MESH_INBOUND_REDIRECT$/);
}

/** How many of these went on to the proxy: with eBPF, where the proxy is there. */
export function inboundRedirected(world: World, way: Way): Promise<number> {
  return way.engine === "ebpf" ? world.counter("inboundRedirected") : inboundTaken(world, way);
}

/** This engine, in this way, and no other is installed; `inbound` connections at least were its work. */
export async function expectDoneBy(world: World, way: Way, inbound: number): Promise<void> {
  const { exitCode, status } = await world.status();
  expect({ exitCode, engine: status.engine }).toEqual({ exitCode: 0, engine: way.engine });
  expect(await inboundTaken(world, way)).toBeGreaterThanOrEqual(inbound);
  if (way.engine === "ebpf") {
    for (const mode of ["nft", "legacy"] as const) expect(await ourRules(world, mode)).toEqual([]);
    return;
  }
  const modes = (status.rules as readonly { readonly mode: string }[]).map(({ mode }) => mode);
  expect(new Set(modes)).toEqual(new Set([way.mode]));
  expect(await ourRules(world, way.mode === "nft" ? "legacy" : "nft")).toEqual([]);
  const redirected = packets(
    await countedRules(world, way.mode),
    /^-A KUMA_MESH_INBOUND_REDIRECT .*REDIRECT/,
  );
  expect(redirected).toBeGreaterThanOrEqual(inbound);
}

interface CountedRule {
  readonly packets: number;
  readonly rule: string;
}

/** nat's rules of both families. Only the first packet of a connection comes to them. */
async function countedRules(world: World, mode: IptablesWay["mode"]): Promise<readonly CountedRule[]> {
  const both = ["iptables", "ip6tables"].map(async (family) => {
    const { stdout, stderr, exitCode } = await world.run([`${family}-${mode}-save`, "-c"], { cgroup: false });
    expect({ stderr: withoutWarnings(stderr), exitCode }).toEqual({ stderr: "", exitCode: 0 });
    return [...stdout.matchAll(/^\[(\d+):\d+\] (-A .*)$/gm)];
  });
  return (await Promise.all(both)).flat().map(([, count, rule = ""]) => ({ packets: Number(count), rule }));
}

/** iptables-nft-save tells of legacy tables. */
function withoutWarnings(stderr: string): string {
  return stderr.replace(/^# Warning: .*\n?/gm, "");
}

async function ourRules(world: World, mode: IptablesWay["mode"]): Promise<readonly string[]> {
  const rules = await countedRules(world, mode);
  return rules.map(({ rule }) => rule).filter((rule) => rule.includes("KUMA_MESH"));
}

function packets(rules: readonly CountedRule[], pattern: RegExp): number {
  const matching = rules.filter(({ rule }) => pattern.test(rule));
  expect(matching).not.toEqual([]);
  return matching.reduce((sum, each) => sum + each.packets, 0);
}
