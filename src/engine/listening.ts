// SPDX-License-Identifier: Apache-2.0
import { formatEndpoint } from "../core/address.ts";
import { findListeners } from "../host/listeners.ts";
import type { CommonRecord } from "./record.ts";

/** Where something listens on the proxy's ports: endpoints, each once. */
export interface Listening {
  readonly outbound: readonly string[];
  readonly inbound: readonly string[];
}

export function readListening({ outbound, inbound }: Pick<CommonRecord, "outbound" | "inbound">): Listening {
  const listeners = findListeners(new Set([outbound.port, inbound.port]));
  const on = (port: number) => [
    ...new Set(
      listeners.filter((each) => each.port === port).map((each) => formatEndpoint(each.address, each.port)),
    ),
  ];
  return { outbound: on(outbound.port), inbound: on(inbound.port) };
}

/** Those of the proxy's ports on which somebody listens now. */
export function listeningPorts({
  outbound,
  inbound,
}: Pick<CommonRecord, "outbound" | "inbound">): ReadonlySet<number> {
  return new Set(findListeners(new Set([outbound.port, inbound.port])).map(({ port }) => port));
}
