// The application behind the proxy, and the remote host's: HTTP on two ports, half-closes on two others.

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { CLIENT_ENDS_FIRST_PORT, HTTP_PORT, SERVER_ENDS_FIRST_PORT, TCP_PORT } from "../ports.ts";
import { ANSWER_SEED, content, digestOf, digestOfHalf } from "./content.ts";
import { type Ends, endsOf } from "./endpoints.ts";

/** What the server says of a request. */
export interface Reply extends Ends {
  /** Counts the connections, and the requests on this one, from 1. */
  readonly connection: number;
  readonly request: number;
  readonly bytes: number;
  readonly sha1: string;
}

/** Half-closes: what was received, printed once the client has ended its half. */
export interface Received extends Ends {
  readonly bytes: number;
  readonly sha1: string;
}

const numbers = new WeakMap<Socket, { connection: number; requests: number }>();
let connections = 0;

function numberOf(socket: Socket) {
  const known = numbers.get(socket) ?? { connection: ++connections, requests: 0 };
  numbers.set(socket, known);
  return known;
}

/** Any body is checked; the answer says what came. */
async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const ends = endsOf(request.socket);
  const known = numberOf(request.socket);
  const number = ++known.requests;
  const digest = await digestOf(request);
  const reply: Reply = { ...ends, connection: known.connection, request: number, ...digest };
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify(reply)}\n`);
}

async function download(url: URL, response: ServerResponse): Promise<void> {
  const [seed, bytes] = [url.searchParams.get("seed"), url.searchParams.get("bytes")].map(Number);
  await pipeline(content(seed ?? 0, bytes ?? 0), response);
}

const waiting: (() => void)[] = [];

/** Echoes each body, but nothing before `together` such requests are open at the same time. */
async function echo(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const together = Number(url.searchParams.get("together"));
  const all = new Promise<void>((resolve) => waiting.push(resolve));
  if (waiting.length === together) for (const go of waiting.splice(0)) go();
  await all;
  await pipeline(request, response);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://here");
  if (url.pathname === "/download") await download(url, response);
  else if (url.pathname === "/echo") await echo(url, request, response);
  else await take(request, response);
}

function listenHttp(port: number, host: string): Promise<void> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(`${request.method} ${request.url}:`, error);
      response.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen({ port, host, ipv6Only: true, backlog: 1024 }, resolve);
  });
}

async function answerAtEnd(socket: Socket): Promise<void> {
  const ends = endsOf(socket);
  const received: Received = { ...ends, ...(await digestOfHalf(socket)) };
  socket.write(`${JSON.stringify(received)}\n`);
  await pipeline(content(ANSWER_SEED, received.bytes), socket);
}

async function endAtOnce(socket: Socket): Promise<void> {
  const ends = endsOf(socket);
  socket.end("bye\n");
  const received: Received = { ...ends, ...(await digestOfHalf(socket)) };
  console.log(JSON.stringify(received));
}

function listenRaw(port: number, host: string, handle: (socket: Socket) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    handle(socket).catch((error: unknown) => {
      console.error(`a connection to port ${port}:`, error);
      socket.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen({ port, host, ipv6Only: true }, resolve);
  });
}

for (const host of ["0.0.0.0", "::"]) {
  await listenHttp(HTTP_PORT, host);
  await listenHttp(TCP_PORT, host);
  await listenRaw(CLIENT_ENDS_FIRST_PORT, host, answerAtEnd);
  await listenRaw(SERVER_ENDS_FIRST_PORT, host, endAtOnce);
}
console.log("ready");
