// SPDX-License-Identifier: Apache-2.0
import { type Address, formatEndpoint, sameAddress } from "../../core/address.ts";
import { spreadDirection } from "../../engine/ebpf/spread-ports.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Arrival, Check, CheckResult, Untried } from "./check.ts";
import { describeCheck, describeTarget } from "./describe-check.ts";
import type { PortHolder } from "./stand-in.ts";

/** What is made of where a connection arrived. */
export interface Seen {
  readonly plan: Plan;
  readonly arrival: Arrival;
  /** Where it was going, as its listener was told; undefined also where the proxy itself listens. */
  readonly original: Endpoint | undefined;
  /** Who listens where it should have arrived; undefined: that is not at the proxy. */
  readonly holder: PortHolder | undefined;
}

/** Why a check is not made that nobody would take; undefined: it can be. */
export function whyInVain(holder: PortHolder | undefined): string | undefined {
  if (holder?.holder !== "bypassed") return undefined;
  return "nobody listens, and connections go past the proxy (--when-proxy-down=bypass)";
}

export function judge(check: Check, seen: Seen): CheckResult {
  return check.expected === "untouched" ? judgeUntouched(check, seen) : judgeIntercepted(check, seen);
}

function judgeIntercepted(check: Check, { plan, arrival, original, holder }: Seen): CheckResult {
  const { otherEnd, state, code } = arrival;
  if (holder?.holder === "nobody" && otherEnd === undefined) {
    return notTried(check, `nobody listens on port ${holder.port}, and this user may not (${holder.code})`);
  }
  if (otherEnd === undefined) {
    if (state === "failed" && isNoRoute(code)) {
      return notTried(check, `there is no route to ${describeTarget(check)} (${code})`);
    }
    return failed(check, describeMiss(arrival));
  }
  const direction = directionOf(otherEnd, plan);
  const where = formatEndpoint(otherEnd.address, otherEnd.port);
  if (direction !== check.expected) return failed(check, `it arrived at ${where}`);
  const at = `arrived at the proxy's ${direction} port (${where})`;
  if (holder?.holder !== "us") return proven(check, `${at}; the proxy listens there`);
  if (original === undefined) return failed(check, `it ${at}, but not with its original destination`);
  const asked = formatEndpoint(original.address, original.port);
  if (original.port !== check.port || !sameAddress(original.address, check.to)) {
    return failed(check, `it ${at}, but as a connection to ${asked}`);
  }
  return proven(check, `${at} as one to ${asked}`);
}

function judgeUntouched(check: Check, { plan, arrival }: Seen): CheckResult {
  const { otherEnd, state, code, reachedTarget } = arrival;
  const direction = otherEnd && directionOf(otherEnd, plan);
  if (otherEnd !== undefined && !reachedTarget && direction !== undefined) {
    const where = formatEndpoint(otherEnd.address, otherEnd.port);
    return failed(check, `it arrived at the proxy's ${direction} port (${where})`);
  }
  if (check.listens) {
    return reachedTarget ? ok(check, "arrived where it was going") : failed(check, describeMiss(arrival));
  }
  if (state === "closed") return notTried(check, "it was closed before it could be seen where it arrived");
  return ok(check, state === "failed" ? `was left alone (${code})` : "was left alone");
}

/** Which of the proxy's ports an endpoint here is; undefined: none of them. */
export function directionOf({ address, port }: Endpoint, plan: Plan): "outbound" | "inbound" | undefined {
  if (port === plan.outbound.port) return "outbound";
  if (port === plan.inbound.port) return "inbound";
  return isIpv6Localhost(address) ? spreadDirection(port) : undefined;
}

function isIpv6Localhost({ family, bytes }: Address): boolean {
  return family === 6 && bytes.every((byte, index) => byte === Number(index === 15));
}

export function isNoRoute(code: string | undefined): boolean {
  return code !== undefined && ["ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EAFNOSUPPORT"].includes(code);
}

function describeMiss({ state, code, otherEnd }: Arrival): string {
  if (otherEnd !== undefined) return `it arrived at ${formatEndpoint(otherEnd.address, otherEnd.port)}`;
  switch (state) {
    case "failed":
      return code === "ECONNREFUSED" ? "it was refused" : `it failed (${code})`;
    case "pending":
      return "it went out of this host";
    case "connected":
      return "it was connected to another host";
    case "closed":
      return "it was closed each time before it could be seen where it arrived";
  }
}

export function notTried(check: Check, why: string): CheckResult {
  return { ...about(check), state: "not-tried", proof: false, found: why };
}

export function proven(check: Check, found: string): CheckResult {
  return { ...about(check), state: "ok", proof: true, found };
}

function ok(check: Check, found: string): CheckResult {
  return { ...about(check), state: "ok", proof: false, found };
}

export function failed(check: Check, found: string, remedy = remedyOf(check)): CheckResult {
  return { ...about(check), state: "failed", proof: false, found, expected: expectationOf(check), remedy };
}

function about(check: Check): Pick<CheckResult, "name" | "family" | "what"> {
  return { name: check.name, family: check.family, what: describeCheck(check) };
}

function expectationOf({ expected }: Check): string {
  switch (expected) {
    case "outbound":
    case "inbound":
      return `it should arrive at the proxy's ${expected} port`;
    case "dns":
      return "it should go to the DNS proxy, and the answer come from the server that was asked";
    case "untouched":
      return "it should be left alone";
  }
}

function remedyOf({ name, to }: Check): string {
  if (name === "passthrough" && to.family === 6) {
    return "::6 has to be an address of lo; `tproxyctl install` adds it.";
  }
  return (
    "`tproxyctl status` (as root) shows what is missing, and `tproxyctl install` sets it right; " +
    "with the eBPF engine, run this in the cgroup that is intercepted."
  );
}

export function untriedResult({ name, family, why }: Untried): CheckResult {
  const what =
    name === "inbound"
      ? "a connection from another host"
      : `${name}${family === undefined ? "" : ` (IPv${family})`}`;
  return { name, family, state: "not-tried", proof: false, what, found: why };
}
