// SPDX-License-Identifier: Apache-2.0
import { createSocket, type RemoteInfo } from "node:dgram";
import { readFileSync } from "node:fs";
import { type Address, formatAddress, parseAddress, unmapAddress } from "../../core/address.ts";
import { systemErrorCode } from "../../core/errors.ts";
import { type Endpoint, missingTable, parseTcpSockets, TCP_STATE } from "../../host/tcp-sockets.ts";
import type { Answered } from "./check.ts";
import { isAnswerTo, isMarked, makeQuery } from "./dns-message.ts";

/** A query to be sent, by this process's user. */
export interface Query {
  readonly to: Address;
  /** 1–65535 */
  readonly port: number;
  readonly connected: boolean;
  /** Milliseconds to wait for the answer. */
  readonly patienceMs: number;
}

/** Asks a name server for a name that nobody has (RFC 6761), and says who answered. */
export async function ask({ to, port, connected, patienceMs }: Query): Promise<Answered> {
  const socket = createSocket({ type: to.family === 4 ? "udp4" : "udp6", ipv6Only: to.family === 6 });
  const query = makeQuery();
  const host = formatAddress(to);
  try {
    return await new Promise<Answered>((resolve) => {
      let client: Endpoint | undefined;
      let kernelPeer: Endpoint | undefined;
      const end = (answeredBy: Endpoint | undefined, code?: string, marked = false) => {
        clearTimeout(patience);
        resolve({ answeredBy, marked, client, kernelPeer, code });
      };
      const patience = setTimeout(() => end(undefined), patienceMs);
      const send = (error?: Error | null) => {
        if (error != null) end(undefined, systemErrorCode(error) ?? error.message);
      };
      socket.on("error", (error) => end(undefined, systemErrorCode(error) ?? error.message));
      socket.on("message", (message, from) => {
        if (isAnswerTo(query, message)) end(toEndpoint(from), undefined, isMarked(message));
      });
      if (!connected) {
        socket.send(query, port, host, send);
        return;
      }
      socket.connect(port, host, (error?: Error) => {
        if (error !== undefined) {
          send(error);
          return;
        }
        const own = socket.address();
        client = toEndpoint(own);
        kernelPeer = findPeer(own.port);
        socket.send(query, send);
      });
    });
  } finally {
    socket.close();
  }
}

function toEndpoint({ address, port }: Pick<RemoteInfo, "address" | "port">): Endpoint | undefined {
  const parsed = parseAddress(address.replace(/%.*/, ""));
  return parsed && { address: unmapAddress(parsed), port };
}

const TABLES = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"] as const;

/** Where the kernel sends what a connected UDP socket sends: the eBPF engine leaves the socket's own view alone. */
function findPeer(port: number): Endpoint | undefined {
  const rows = TABLES.flatMap((path) => parseTcpSockets(readTable(path), new Set([TCP_STATE.established])));
  const found = rows.find(({ local, remote }) => local.port === port && remote.port !== 0);
  return found && { address: unmapAddress(found.remote.address), port: found.remote.port };
}

function readTable(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (cause) {
    return missingTable(path, cause);
  }
}
