// SPDX-License-Identifier: Apache-2.0
import { setTimeout } from "node:timers/promises";
import type { BpfMap } from "../../bpf/map.ts";
import { formatEndpoint, isLoopback, unmapAddress } from "../../core/address.ts";
import {
  CONNECTED,
  type Endpoint,
  readTcpSockets,
  TCP_STATE,
  type TcpSocket,
} from "../../host/tcp-sockets.ts";
import type { InstanceRecord } from "./record.ts";
import { spreadDirection } from "./spread-ports.ts";

/** A client may never answer, and a proxy stand still: this long we wait for them. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 10;

/** From accept to SO_ORIGINAL_DST it is one turn of the proxy's loop. */
const GRACE_MS = 150;

/**
 * Waits until no handshake is under way of those that were redirected: nothing redirects any more to where these are
 * written down.
 */
export async function settleHandshakes(handshakes: BpfMap | undefined): Promise<void> {
  if (handshakes !== undefined) await until(() => handshakes.keys().next().done === true);
}

/**
 * Waits until the proxy has been told where the connections were going that are being made: nothing is redirected to it any
 * more, and what answers it is about to go. Until each of them has been accepted, and a moment more. Others come meanwhile,
 * without pause perhaps: they are not waited for. At once where there is no connection at all.
 *
 * @param records of the installations that redirected them; none: nothing is waited for
 */
export async function settle(
  records: readonly Pick<InstanceRecord, "outbound" | "inbound">[],
): Promise<void> {
  if (records.length === 0) return;
  const ports = new Set(records.flatMap(({ outbound, inbound }) => [outbound.port, inbound.port]));
  const sockets = readTcpSockets(CONNECTED);
  if (sockets.length === 0) return;
  let left = new Set(sockets.filter((socket) => isUnderWay(socket, ports)).map(nameOf));
  await until(() => {
    if (left.size > 0) {
      const now = new Set(
        readTcpSockets(CONNECTED)
          .filter((each) => isUnderWay(each, ports))
          .map(nameOf),
      );
      left = new Set([...left].filter((name) => now.has(name)));
    }
    return left.size === 0;
  });
  await setTimeout(GRACE_MS);
}

/** What has not been accepted yet has no inode. */
function isUnderWay({ state, remote, inode }: TcpSocket, ports: ReadonlySet<number>): boolean {
  if (state === TCP_STATE.synSent) return ports.has(remote.port) || isSpread(remote);
  if (state === TCP_STATE.synReceived) return true;
  return inode === 0 && (state === TCP_STATE.established || state === TCP_STATE.closeWait);
}

function isSpread({ address, port }: Endpoint): boolean {
  return isLoopback(unmapAddress(address)) && spreadDirection(port) !== undefined;
}

function nameOf({ local, remote }: TcpSocket): string {
  return [local, remote].map(({ address, port }) => formatEndpoint(address, port)).join(" ");
}

async function until(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isDone() && performance.now() < deadline) await setTimeout(PAUSE_MS);
}
