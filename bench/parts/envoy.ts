// The whole path: through Envoy to the server that was meant.

import { TCP_PORT } from "../../test/envoy/ports.ts";
import { PROXIES, RunningProxy } from "../../test/envoy/proxies.ts";
import type { World } from "../../test/support/world.ts";
import {
  type Candidate,
  DIRECT,
  EBPF,
  EBPF_TC,
  IPTABLES_LEGACY,
  IPTABLES_NFT,
  install,
  isIntercepting,
} from "../candidates.ts";
import { extentOf, type Part, type PartRun } from "../part.ts";
import { APPLICATION, differs, REMOTE, ROUTES_IPV4, type Route, withWorlds } from "../scene.ts";
import { shuffled } from "../statistics.ts";
import { startWebServer } from "../web-server.ts";
import { wrk } from "../wrk.ts";

export const envoy: Part = {
  name: "Envoy",
  about:
    "wrk to nginx on the other host, and the other way round, through Envoy with Kuma's pass-through listeners and clusters; “direct” without any proxy. Client, Envoy and server share two processors.",
  needs: ["wrk"],
  rounds: { full: 11, quick: 2 },
  roundMs: { full: 30_000, quick: 6000 },
  measure,
};

const ALL: readonly Candidate[] = [DIRECT, IPTABLES_NFT, IPTABLES_LEGACY, EBPF, EBPF_TC];
const CONNECTIONS = { full: [1, 16, 64], quick: [16] } as const;
const SECONDS = 1;

async function measure(run: PartRun): Promise<void> {
  const candidates = run.quick ? [DIRECT, IPTABLES_NFT, EBPF] : ALL;
  const counts = extentOf<readonly number[]>(CONNECTIONS, run);
  const cases = ROUTES_IPV4.flatMap((route) =>
    candidates
      .filter((candidate) => differs(candidate, route))
      .flatMap((candidate) => counts.map((connections) => ({ route, candidate, connections }))),
  );
  await withWorlds(candidates, prepare, async (worldOf) => {
    await run.repeat(async () => {
      for (const { route, candidate, connections } of shuffled(cases))
        await measureCase(run, worldOf(candidate), route, candidate, connections);
    });
  });
}

async function prepare(world: World, candidate: Candidate): Promise<void> {
  await startWebServer(world, [TCP_PORT], REMOTE);
  await startWebServer(world, [TCP_PORT], APPLICATION);
  if (isIntercepting(candidate)) await RunningProxy.listening(PROXIES.envoyReusePort, world);
  await install(world, candidate);
}

async function measureCase(
  run: PartRun,
  world: World,
  route: Route,
  candidate: Candidate,
  connections: number,
): Promise<void> {
  const load = { ...route, port: TCP_PORT, connections, seconds: SECONDS };
  const { rate, p50Us, p99Us } = await wrk(world, load);
  const what = { scenario: route.name, candidate: candidate.name, x: connections };
  run.record({ ...what, quantity: "requests a second", unit: "1/s" }, [rate]);
  run.record({ ...what, quantity: "latency, median", unit: "µs" }, [p50Us]);
  run.record({ ...what, quantity: "latency, 99 %", unit: "µs" }, [p99Us]);
}
