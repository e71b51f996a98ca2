// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import type { Plan } from "../../plan/plan.ts";
import { candidateUids } from "./candidates.ts";
import type { Actor, CheckName, Untried } from "./check.ts";
import type { Destination, Surroundings } from "./surroundings.ts";

/** As whom connections can be made from here. */
export interface Identities {
  /** This process's own. */
  readonly uid: number;
  /** It can become any user. */
  readonly any: boolean;
}

/** All that a check is made from. */
export interface Situation {
  readonly plan: Plan;
  readonly surroundings: Surroundings;
  readonly identities: Identities;
  /** The port, from 20000 on as kumactl, that the proxy calls its own host at. Nobody should listen there. */
  readonly ownPort: number;
}

export function destinationsOf({ surroundings }: Situation, family: Family): readonly Destination[] {
  return surroundings.destinations.filter(({ address }) => address.family === family);
}

/** Users that are not the proxy's, and that connections can be made as. */
export function applicationUids({ plan, identities }: Situation): readonly number[] {
  if (identities.any) return candidateUids(plan);
  return identities.uid === plan.proxyUser.uid ? [] : [identities.uid];
}

export function canBe({ identities }: Situation, uid: number): boolean {
  return identities.any || identities.uid === uid;
}

export function untried(name: CheckName, family: Family | undefined, why: string): Untried {
  return { name, family, why };
}

export const ONLY_PROXY =
  "only root, or another user than the proxy's, can make a connection as an application does";

export function cannotBe(actor: Actor, uid: number): string {
  return `only root (with CAP_SETUID), or user ${uid} itself, can make a connection as the ${actor} does`;
}
