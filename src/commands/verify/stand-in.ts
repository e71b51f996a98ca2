// SPDX-License-Identifier: Apache-2.0
import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import type { Family } from "../../core/address.ts";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import { readOriginalDestination } from "../proxy/original-destination.ts";
import { reset } from "../proxy/socket-descriptor.ts";
import { answerTo } from "./dns-message.ts";
import { endpointOf, isSameEndpoint } from "./other-end.ts";
import { countSockets } from "./port-sockets.ts";

/** The proxy's ports, as far as connections are to arrive there. */
export interface WantedPorts {
  readonly tcp: readonly number[];
  readonly dns: number | undefined;
  readonly families: readonly Family[];
}

/** Who listens on a port of the proxy. */
export interface PortHolder {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly family: Family;
  /**
   * "us", "proxy": it was taken, "nobody": we may not listen there, or "bypassed": nobody, and we must not, for
   * connections go past the proxy until it listens.
   */
  readonly holder: "us" | "proxy" | "nobody" | "bypassed";
  /** Of "nobody": the errno's name. */
  readonly code: string | undefined;
}

type Where = Pick<PortHolder, "port" | "family">;

interface Taken {
  readonly client: Endpoint;
  /** Where it was going; undefined: the kernel does not say. */
  readonly original: Endpoint | undefined;
}

interface Closable {
  close(): unknown;
}

/** How long a connection is held, in milliseconds: whoever made it sees by then where it is. */
const HOLD_MS = 2000;

/**
 * Listens where the proxy would, on the ports that nobody has. As the proxy on all addresses: from a listener on one
 * address alone the eBPF engine would learn that this is where the proxy is. The DNS proxy is at localhost, as Kuma's.
 * What others connect to these ports meanwhile is cut off, and their queries are not answered.
 *
 * Where nobody is yet, our sockets have SO_REUSEPORT: a proxy of the same user that sets it, too, can start meanwhile. Any
 * other gets EADDRINUSE for as long as we listen, as before. What is left: until we go, the kernel gives part of the
 * new proxy's connections to us, who cut them off; and likewise where it begins to listen between our look and our own
 * listening. Where somebody is there already we ask for the port alone, which the kernel then refuses:
 * we never take part of what a running proxy gets.
 */
export class StandIn {
  readonly #open: Closable[] = [];
  readonly #clients = new Set<Socket>();
  readonly #taken: Taken[] = [];

  async listen({ tcp, dns, families }: WantedPorts): Promise<readonly PortHolder[]> {
    const holders: PortHolder[] = [];
    for (const family of families) {
      for (const port of tcp) holders.push(await this.#tryPort("tcp", port, family));
      if (dns !== undefined) holders.push(await this.#tryPort("udp", dns, family));
    }
    return holders;
  }

  /** Where a connection was going that arrived here. */
  originalOf(client: Endpoint): Endpoint | undefined {
    return this.#taken.find((each) => isSameEndpoint(each.client, client))?.original;
  }

  close(): void {
    for (const each of this.#open.splice(0)) each.close();
    for (const client of this.#clients) reset(client);
  }

  async #tryPort(protocol: PortHolder["protocol"], port: number, family: Family): Promise<PortHolder> {
    const where = { protocol, port, family };
    try {
      const reusePort = countSockets(where) === 0;
      const socket = protocol === "tcp" ? this.#listenTcp(where, reusePort) : listenDns(where, reusePort);
      this.#open.push(await socket);
      return { ...where, holder: "us", code: undefined };
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === undefined) throw error;
      return { ...where, holder: code === "EADDRINUSE" ? "proxy" : "nobody", code };
    }
  }

  #listenTcp({ port, family }: Where, reusePort: boolean): Promise<Closable> {
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#take(socket));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const host = family === 4 ? "0.0.0.0" : "::";
      server.listen({ host, port, ipv6Only: family === 6, reusePort }, () => resolve(server));
    });
  }

  #take(socket: Socket): void {
    this.#clients.add(socket);
    socket.on("error", () => {}); // its other end was cut off: it has been seen
    socket.on("close", () => this.#clients.delete(socket));
    socket.setTimeout(HOLD_MS, () => reset(socket));
    const client = endpointOf(socket.remoteAddress, socket.remotePort);
    if (client !== undefined) this.#taken.push({ client, original: originalOf(socket) });
  }
}

function originalOf(socket: Socket): Endpoint | undefined {
  try {
    return readOriginalDestination(socket);
  } catch (error) {
    // It has gone, or was made straight to this port.
    if (error instanceof TproxyError && error.code === "PROXY_FAILED") return undefined;
    throw error;
  }
}

function listenDns({ port, family }: Where, reusePort: boolean): Promise<Closable> {
  const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", ipv6Only: family === 6, reusePort });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.on("message", (query, from) => {
      const answer = answerTo(query);
      if (answer !== undefined) socket.send(answer, from.port, from.address);
    });
    socket.bind({ port, address: family === 4 ? "127.0.0.1" : "::1" }, () => {
      socket.off("error", reject);
      socket.on("error", () => {}); // an answer that could not be sent is one that does not arrive
      resolve(socket);
    });
  });
}
