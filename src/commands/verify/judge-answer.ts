// SPDX-License-Identifier: Apache-2.0
import { formatEndpoint, sameAddress, unmapAddress } from "../../core/address.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Answered, Check, CheckResult } from "./check.ts";
import { failed, isNoRoute, notTried, proven } from "./judge.ts";
import type { PortHolder } from "./stand-in.ts";

export type NatTarget = Endpoint | "none" | "unknown";

export interface SeenAnswer {
  readonly plan: Plan;
  readonly answered: Answered;
  /** Where the kernel's tracking of connections has it going; "none": it has none; "unknown": we may not know. */
  readonly natTarget: NatTarget;
  readonly holder: PortHolder | undefined;
  /** Another query, which went to the DNS proxy for certain or as far as can be told, was not answered either. */
  readonly isSilent: boolean;
}

/** What is made of the answer to a query. */
export function judgeAnswer(
  check: Check,
  { plan, answered, natTarget, holder, isSilent }: SeenAnswer,
): CheckResult {
  const { answeredBy, kernelPeer, code } = answered;
  if (isNoRoute(code)) return notTried(check, `there is no route to the name server (${code})`);
  if (answeredBy !== undefined && !isServer(check, answeredBy)) {
    return failed(check, `the answer came from ${formatEndpoint(answeredBy.address, answeredBy.port)}`);
  }
  if (holder?.holder === "us") return judgeOurs(check, answered);
  const redirected = typeof natTarget === "string" ? undefined : natTarget;
  const target = [kernelPeer, redirected].find((each) => each?.port === plan.dns.port);
  if (target !== undefined) {
    const where = formatEndpoint(target.address, target.port);
    return proven(
      check,
      `goes to the DNS proxy (${where})${answeredBy === undefined ? ", which did not answer" : ""}`,
    );
  }
  if (answeredBy === undefined) {
    if (holder === undefined) return notTried(check, `${describeSilence(code)}: ${NOBODY_THERE}`);
    if (isSilent) return notTried(check, `${describeSilence(code)}, nor to the query before`);
    return failed(check, describeSilence(code), REMEDY);
  }
  // That there is no server at an address proves nothing: some networks answer whatever is asked of whomever.
  const isNat = natTarget !== "none" && (redirected === undefined || !isServer(check, redirected));
  if (!isNat && kernelPeer !== undefined && isServer(check, kernelPeer)) {
    return failed(check, "it went out to the name server itself");
  }
  return notTried(check, "it was answered, but the DNS proxy and the name server cannot be told apart");
}

/** Our listener stands where the DNS proxy would. */
function judgeOurs(check: Check, { answeredBy, marked, code }: Answered): CheckResult {
  if (answeredBy === undefined) return failed(check, describeSilence(code));
  if (!marked) return failed(check, "it was answered by the name server itself");
  return proven(check, "arrived at the DNS proxy's port, and the answer came from the server that was asked");
}

function isServer({ to, port }: Check, endpoint: Endpoint): boolean {
  return endpoint.port === port && sameAddress(endpoint.address, unmapAddress(to));
}

function describeSilence(code: string | undefined): string {
  return code === undefined ? "no answer came" : `no answer came (${code})`;
}

const REMEDY =
  "Does the DNS proxy answer (`tproxyctl status`)? If so: `tproxyctl install` sets right what redirects to it.";

const NOBODY_THERE = "the DNS proxy does not run, perhaps, and only root or its user can take its place";
