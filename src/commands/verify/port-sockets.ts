// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import { findListeners } from "../../host/listeners.ts";
import { readAllUdp } from "../../host/udp-sockets.ts";
import type { PortHolder, WantedPorts } from "./stand-in.ts";

type Port = Pick<PortHolder, "protocol" | "port" | "family">;

/**
 * How many sockets there are that may take what comes to a port, by the kernel's tables, which any user may read. An IPv6
 * one counts for IPv4: it may be of both, which the tables do not tell.
 */
export function countSockets({ protocol, port, family }: Port): number {
  const families = familiesAt(protocol, port);
  return families.filter((each) => each === family || each === 6).length;
}

/** Whether somebody listens beside us. */
export function isShared({ protocol, port, family }: Port): boolean {
  return familiesAt(protocol, port).filter((each) => each === family).length > 1;
}

function familiesAt(protocol: PortHolder["protocol"], port: number): Family[] {
  if (protocol === "tcp") return findListeners(new Set([port])).map(({ address }) => address.family);
  const sockets = readAllUdp().filter(({ local, remote }) => local.port === port && remote.port === 0);
  return sockets.map(({ local }) => local.address.family);
}

/** Who listens, without listening where nobody does: the programs would take us for the proxy. */
export function lookForHolders({ tcp, dns, families }: WantedPorts): readonly PortHolder[] {
  return families.flatMap((family) => [
    ...tcp.map((port) => lookFor({ protocol: "tcp", port, family })),
    ...(dns === undefined ? [] : [lookFor({ protocol: "udp", port: dns, family })]),
  ]);
}

function lookFor(where: Port): PortHolder {
  return { ...where, holder: countSockets(where) > 0 ? "proxy" : "bypassed", code: undefined };
}
