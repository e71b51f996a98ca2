// SPDX-License-Identifier: Apache-2.0
import { type Address, prefixContains, sameAddress, unmapAddress } from "../../core/address.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import type { UdpFlow } from "../../host/udp-flows.ts";
import type { UdpSocket } from "../../host/udp-sockets.ts";
import { decide } from "../../plan/decide.ts";
import type { Plan } from "../../plan/plan.ts";

/** What a flow is judged by, of this host. */
export interface FlowHost {
  readonly sockets: readonly UdpSocket[];
  readonly isLocal: (address: Address) => boolean;
}

/** A flow that NAT sends to where it should not go any more, and who goes on with it. */
export interface WrongFlow {
  readonly flow: UdpFlow;
  /** "gone": a socket of this host that is there no more. */
  readonly asker: UdpSocket | "another host" | "gone";
}

/**
 * The flows of DNS queries that rules of a plan would send somewhere else than NAT does. Those that no rule of ours is or
 * was about are left alone: of other networks, and of who asks a server on this host. Pure.
 *
 * @param ports where the rules send queries, and those before them did
 */
export function findWrong(
  plan: Plan,
  flows: readonly UdpFlow[],
  ports: ReadonlySet<number>,
  host: FlowHost,
): WrongFlow[] {
  return flows
    .map((flow) => ({ flow, asker: askerOf(flow, host) }))
    .filter(({ flow, asker }) => {
      // What somebody else's rules redirect is not redirected by ours: they may stand before it now.
      return redirectedTo(flow, ports, host) !== wantedPort(plan, flow, asker);
    });
}

/** The flows that NAT sends to a port of ours. Pure. */
export function findRedirected(
  flows: readonly UdpFlow[],
  ports: ReadonlySet<number>,
  host: FlowHost,
): WrongFlow[] {
  return flows
    .filter((flow) => redirectedTo(flow, ports, host) !== undefined)
    .map((flow) => ({ flow, asker: askerOf(flow, host) }));
}

/**
 * The port that rules of ours send the datagrams to; undefined: they do not. They redirect to this host alone: what goes
 * to the same port of a container is somebody else's.
 */
function redirectedTo(
  { to, answeredBy }: UdpFlow,
  ports: ReadonlySet<number>,
  { isLocal }: FlowHost,
): number | undefined {
  const isSame = to.port === answeredBy.port && sameAddress(to.address, answeredBy.address);
  const isOurs = !isSame && ports.has(answeredBy.port) && isLocal(answeredBy.address);
  return isOurs ? answeredBy.port : undefined;
}

/** Without a socket here, only what comes from a virtual network is redirected: wherever it goes. */
function wantedPort(plan: Plan, { from, to }: UdpFlow, asker: WrongFlow["asker"]): number | undefined {
  if (asker === "gone") return undefined;
  if (asker === "another host") return isInNetwork(plan, from.address) ? plan.dns.port : undefined;
  return decide(plan, { kind: "dns", uid: asker.uid, to: to.address, port: to.port }).port;
}

function isInNetwork({ virtualNetworks, ipv6 }: Plan, address: Address): boolean {
  if (address.family === 6 && !ipv6) return false;
  return virtualNetworks.some(({ prefix }) => prefixContains(prefix, address));
}

/** Of this host: the socket that is connected to the other end, or else one that has this end. */
function askerOf({ from, to }: UdpFlow, { sockets, isLocal }: FlowHost): WrongFlow["asker"] {
  // A socket with any address and the same port has nothing to do with what another host sends.
  if (!isLocal(from.address)) return "another host";
  const candidates = sockets.filter(({ local }) => local.port === from.port && isOrHolds(local, from));
  const isConnected = ({ remote }: UdpSocket) =>
    remote.port === to.port && sameAddress(unmapAddress(remote.address), to.address);
  return candidates.find(isConnected) ?? candidates.find(({ remote }) => remote.port === 0) ?? "gone";
}

function isOrHolds({ address }: Endpoint, from: Endpoint): boolean {
  const isAny = address.bytes.every((byte) => byte === 0);
  return isAny || sameAddress(unmapAddress(address), from.address);
}
