// What became of a connection, and what decide() says should have: in the same words.

import { formatAddress, unmapAddress } from "../../../src/core/address.ts";
import type { EngineName } from "../../../src/engine/engine.ts";
import { decide } from "../../../src/plan/decide.ts";
import { resolveUnspecified } from "../../../src/plan/decide-places.ts";
import type { Decision } from "../../../src/plan/decide-result.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { address } from "../../support/plan-samples.ts";
import type { Connection } from "../../support/world.ts";
import { endpoint } from "../situation.ts";
import { type Attempt, toAsked } from "./connections.ts";
import { IDLE_PORT } from "./places.ts";

export interface Outcome {
  readonly error: string;
  /** The port of the listener that took it. */
  readonly listener: number | null;
  /** Where the server says that it was going. */
  readonly destination: string | null;
  /** What the client says that it is connected to. */
  readonly peer: string | null;
}

export interface Expected {
  readonly decision: Decision;
  readonly outcome: Outcome;
}

export function expected(plan: Plan, attempt: Attempt, engine: EngineName): Expected {
  const decision = decide(plan, toAsked(attempt, engine));
  return { decision, outcome: outcomeOf(decision, attempt) };
}

function outcomeOf({ result, port }: Decision, attempt: Attempt): Outcome {
  const to = endpoint(resolved(attempt), attempt.port);
  const peer = attempt.mapped ? endpoint(`::ffff:${resolved(attempt)}`, attempt.port) : to;
  const failed = (error: string) => ({ error, listener: null, destination: null, peer: null });
  if (result === "refused") return failed("ENETUNREACH");
  if (result !== "untouched") return { error: "", listener: port ?? null, destination: to, peer };
  return attempt.port === IDLE_PORT
    ? failed("ECONNREFUSED")
    : { error: "", listener: attempt.port, destination: to, peer };
}

function resolved({ from, to }: Attempt): string {
  return formatAddress(
    resolveUnspecified(unmapAddress(address(to)), from === undefined ? undefined : address(from)),
  );
}

/** The proxy asks where a connection was going, other servers know by their own address. */
export function actual(connection: Connection, decision: Decision): Outcome {
  const { error, peer, server } = connection;
  if (server === null) return { error, listener: null, destination: null, peer };
  const intercepted = decision.result !== "untouched";
  const listener = Number(/\d+$/.exec(server.listener)?.[0]);
  return { error, listener, destination: intercepted ? server.origdst : server.local, peer };
}
