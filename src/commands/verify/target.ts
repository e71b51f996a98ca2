// SPDX-License-Identifier: Apache-2.0
import { createServer, type Socket } from "node:net";
import { type Address, formatAddress } from "../../core/address.ts";
import { systemErrorCode } from "../../core/errors.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import { reset } from "../proxy/socket-descriptor.ts";
import { endpointOf, isSameEndpoint } from "./other-end.ts";

/** The application that a connection goes to: it takes it, and keeps it until it is disposed of. */
export class Target implements Disposable {
  readonly #sockets = new Set<Socket>();
  readonly #clients: Endpoint[] = [];
  readonly #server = createServer((socket) => this.#take(socket));

  /** @returns the port, or why nobody can listen there */
  listen(host: Address, port: number): Promise<number | { readonly code: string }> {
    return new Promise((resolve) => {
      this.#server.once("error", (error) => resolve({ code: systemErrorCode(error) ?? error.message }));
      this.#server.listen({ host: formatAddress(host), port, ipv6Only: host.family === 6 }, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  /** Whether it took the connection of this client, directly. */
  took(client: Endpoint): boolean {
    return this.#clients.some((each) => isSameEndpoint(each, client));
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {}); // its other end was cut off, after it had been seen
    const client = endpointOf(socket.remoteAddress, socket.remotePort);
    if (client !== undefined) this.#clients.push(client);
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const socket of this.#sockets) reset(socket);
  }
}
