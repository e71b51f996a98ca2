// What others' measuring tools say: wrk with nginx, and iperf3.

import type { World } from "../../test/support/world.ts";
import {
  CANDIDATES,
  type Candidate,
  DIRECT,
  DIRECT_AGAIN,
  EBPF,
  IPTABLES_NFT,
  install,
} from "../candidates.ts";
import type { Part, PartRun } from "../part.ts";
import {
  APPLICATION,
  differs,
  PROXY,
  PROXY_PORTS,
  REMOTE,
  ROUTES_IPV4,
  type Route,
  SERVER_PORT,
  withWorlds,
} from "../scene.ts";
import { shuffled } from "../statistics.ts";
import { startWebServer } from "../web-server.ts";
import { wrk } from "../wrk.ts";

export const witnesses: Part = {
  name: "witnesses",
  about:
    "The same by tools of others, free to use both processors: wrk with 16 connections that are kept, or each request over a connection of its own, against nginx in the place of the proxy; iperf3 with one stream.",
  needs: ["wrk", "iperf3"],
  rounds: { full: 11, quick: 2 },
  roundMs: { full: 40_000, quick: 12_000 },
  measure,
};

const SECONDS = 1;
const CONNECTIONS = 16;
const STREAM_PORT = 5201;

/** nginx and iperf3 cannot share the proxy's ports. */
const KINDS = ["web", "stream"] as const;
type Kind = (typeof KINDS)[number];

interface Scene {
  readonly candidate: Candidate;
  readonly kind: Kind;
}

async function measure(run: PartRun): Promise<void> {
  const candidates = run.quick
    ? [DIRECT, IPTABLES_NFT, EBPF]
    : CANDIDATES.filter((each) => each !== DIRECT_AGAIN);
  const scenes: readonly Scene[] = candidates.flatMap((candidate) =>
    KINDS.map((kind) => ({ candidate, kind })),
  );
  const cases = scenes.flatMap((scene) =>
    ROUTES_IPV4.filter((route) => differs(scene.candidate, route)).map((route) => ({ scene, route })),
  );
  await withWorlds(scenes, prepare, async (worldOf) => {
    await run.repeat(async () => {
      for (const { scene, route } of shuffled(cases))
        await MEASURE[scene.kind](run, worldOf(scene), scene, route);
    });
  });
}

async function prepare(world: World, { candidate, kind }: Scene): Promise<void> {
  const start = kind === "web" ? startWebServers : startStreamServers;
  await start(world);
  await install(world, candidate);
}

async function startWebServers(world: World): Promise<void> {
  await startWebServer(world, [SERVER_PORT], REMOTE);
  await startWebServer(world, [SERVER_PORT], APPLICATION);
  await startWebServer(world, Object.values(PROXY_PORTS), PROXY);
}

async function startStreamServers(world: World): Promise<void> {
  const isReady = (line: string) => line.startsWith("Server listening");
  const serve = (port: number) => ["iperf3", "--server", "--forceflush", "--port", String(port)];
  await world.start(serve(STREAM_PORT), { ...REMOTE, isReady });
  await world.start(serve(STREAM_PORT), { ...APPLICATION, isReady });
  for (const port of Object.values(PROXY_PORTS)) await world.start(serve(port), { ...PROXY, isReady });
}

const MEASURE: Readonly<
  Record<Kind, (run: PartRun, world: World, scene: Scene, route: Route) => Promise<void>>
> = {
  web: measureWeb,
  stream: measureStream,
};

async function measureWeb(run: PartRun, world: World, { candidate }: Scene, route: Route): Promise<void> {
  const load = { ...route, port: SERVER_PORT, connections: CONNECTIONS, seconds: SECONDS };
  const what = { scenario: route.name, candidate: candidate.name, unit: "1/s" as const };
  const kept = await wrk(world, load);
  run.record({ ...what, quantity: "wrk: requests over 16 connections" }, [kept.rate]);
  const closed = await wrk(world, { ...load, close: true });
  run.record({ ...what, quantity: "wrk: requests over connections of their own" }, [closed.rate]);
}

async function measureStream(run: PartRun, world: World, { candidate }: Scene, route: Route): Promise<void> {
  const command = [
    "iperf3",
    "--client",
    route.address,
    "--port",
    String(STREAM_PORT),
    "--time",
    String(SECONDS),
    "--json",
  ];
  const { stdout, stderr, exitCode } = await world.run(command, route.client);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr}${stdout}`);
  const { end } = JSON.parse(stdout) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  const rate = end.sum_received.bits_per_second / 8e6;
  run.record(
    { quantity: "iperf3: one stream", unit: "MB/s", scenario: route.name, candidate: candidate.name },
    [rate],
  );
}
