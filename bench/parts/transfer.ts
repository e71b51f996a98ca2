// What a connection carries once it is there.

import { CANDIDATES, type Candidate } from "../candidates.ts";
import { extentOf, type Part, type PartRun } from "../part.ts";
import {
  differs,
  expectedOf,
  ROUTES,
  type Route,
  SERVER_PORT,
  traffic,
  type WorldOf,
  withCandidates,
} from "../scene.ts";
import { shuffled } from "../statistics.ts";

export const transfer: Part = {
  name: "transfer",
  about:
    "Round trips of messages of 1 byte, 1 KiB and 16 KiB, and streams in writes of 1, 16 and 64 KiB, each on one connection; client and server share a processor. Outbound, what is intercepted goes over the loopback interface, and what is not over veth to the other host.",
  rounds: { full: 51, quick: 3 },
  roundMs: { full: 12_000, quick: 3000 },
  measure: (run) => withCandidates(CANDIDATES, (worldOf) => rounds(run, worldOf)),
};

const KIB = 1024;
const ROUND_TRIPS = [1, KIB, 16 * KIB] as const;
/** How many times are taken, each of several round trips. */
const ROUND_TRIP_BATCHES = { full: 24, quick: 10 } as const;
const STREAMS = [KIB, 16 * KIB, 64 * KIB] as const;
const STREAM_BYTES = { full: 64 << 20, quick: 16 << 20 } as const;

interface Case {
  readonly route: Route;
  readonly candidate: Candidate;
  readonly how: "echo" | "stream";
  readonly size: number;
}

const CASES: readonly Case[] = ROUTES.flatMap((route) =>
  CANDIDATES.filter((candidate) => differs(candidate, route)).flatMap((candidate) => [
    ...ROUND_TRIPS.map((size) => ({ route, candidate, how: "echo" as const, size })),
    ...STREAMS.map((size) => ({ route, candidate, how: "stream" as const, size })),
  ]),
);

async function rounds(run: PartRun, worldOf: WorldOf<Candidate>): Promise<void> {
  const cases = run.quick ? CASES.filter(({ route }) => route.name.endsWith("IPv4")) : CASES;
  await run.repeat(async () => {
    for (const each of shuffled(cases)) await measureCase(run, worldOf, each);
  });
}

async function measureCase(run: PartRun, worldOf: WorldOf<Candidate>, each: Case): Promise<void> {
  const { route, candidate, how, size } = each;
  const amount =
    how === "echo" ? extentOf(ROUND_TRIP_BATCHES, run) : Math.floor(extentOf(STREAM_BYTES, run) / size);
  const args = [how, route.address, SERVER_PORT, size, amount];
  const output = await traffic<Output>(worldOf(candidate), args, route.client, expectedOf(candidate, 1));
  const what = { scenario: route.name, candidate: candidate.name, x: size };
  const perSecond = output[how].map((ns) => output.batch / (ns / 1e9));
  if (how === "echo") run.record({ ...what, quantity: "round trips", unit: "1/s" }, perSecond);
  else
    run.record(
      { ...what, quantity: "stream", unit: "MB/s" },
      perSecond.map((writes) => (writes * size) / 1e6),
    );
}

interface Output extends Readonly<Record<Case["how"], readonly number[]>> {
  readonly intercepted: number;
  /** How many round trips, or writes, a time is of. */
  readonly batch: number;
}
