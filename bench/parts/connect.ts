// Connections one after the other, each with one request: what interception adds.

import { CANDIDATES, type Candidate } from "../candidates.ts";
import { connections } from "../connections.ts";
import { extentOf, type Part, type PartRun } from "../part.ts";
import { differs, expectedOf, ROUTES, type Route, type WorldOf, withCandidates } from "../scene.ts";
import { shuffled } from "../statistics.ts";

export const connect: Part = {
  name: "connect",
  about:
    "Connections one after the other, each with one request of 64 bytes and an answer. Client and server share a processor, so that no wake-up of a sleeping one hides what is looked for. What is intercepted ends at a server in the place of the proxy; “direct” goes to the server itself. “connect” is the time of the system call; connections a second is how many there were in a round by what all of them took; processor time is what the scheduler accounts to both ends.",
  rounds: { full: 61, quick: 5 },
  roundMs: { full: 2500, quick: 1700 },
  measure: (run) => withCandidates(CANDIDATES, (worldOf) => rounds(run, worldOf)),
};

const COUNT = { full: 1000, quick: 300 } as const;

const CASES = ROUTES.flatMap((route) =>
  CANDIDATES.filter((candidate) => differs(candidate, route)).map((candidate) => ({ route, candidate })),
);

async function rounds(run: PartRun, worldOf: WorldOf<Candidate>): Promise<void> {
  await run.repeat(async () => {
    for (const { route, candidate } of shuffled(CASES)) await measureCase(run, worldOf, route, candidate);
  });
}

async function measureCase(
  run: PartRun,
  worldOf: WorldOf<Candidate>,
  route: Route,
  candidate: Candidate,
): Promise<void> {
  const count = extentOf(COUNT, run);
  const asked = { ...route, count, intercepted: expectedOf(candidate, count) };
  const { connectUs, answerUs, rate, processorUs } = await connections(worldOf(candidate), asked);
  const what = { scenario: route.name, candidate: candidate.name };
  run.record({ ...what, quantity: "connect", unit: "µs" }, connectUs);
  run.record({ ...what, quantity: "connect, request and answer", unit: "µs" }, answerUs);
  run.record({ ...what, quantity: "connections a second", unit: "1/s" }, [rate]);
  run.record({ ...what, quantity: "processor time of a connection", unit: "µs" }, [processorUs]);
}
