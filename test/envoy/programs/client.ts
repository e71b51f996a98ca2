// The application that knows of no proxy. Prints one line of JSON.
//   client.ts keep-alive URL COUNT | upload URL BYTES | download URL BYTES | streams URL COUNT BYTES
//   client.ts end-first HOST PORT BYTES | end-last HOST PORT BYTES | until-answered URL DEADLINE-MS

import { once } from "node:events";
import { Agent, type IncomingMessage, type RequestOptions, request } from "node:http";
import { connect, type Socket } from "node:net";
import type { Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ANSWER_SEED, content, type Digest, Digester, digestOf, digestOfContent } from "./content.ts";
import { type Ends, endsOf } from "./endpoints.ts";
import type { Reply } from "./server.ts";

/** What is said of one request or connection: the client's view of it, and the server's. */
export interface Exchange {
  readonly ends: Ends;
  readonly reply: Reply;
}
export interface Upload extends Exchange {
  readonly sent: Digest;
  readonly ms: number;
}
export interface Download {
  readonly ends: Ends;
  readonly expected: Digest;
  readonly received: Digest;
  readonly ms: number;
}
export interface Stream {
  readonly ends: Ends;
  readonly sent: Digest;
  readonly received: Digest;
}
export interface HalfClose {
  readonly ends: Ends;
  readonly sent: Digest;
  /** What the server said first. */
  readonly firstLine: string;
  readonly received: Digest;
  readonly expected: Digest;
}
export interface Answered extends Exchange {
  /** The error codes of the attempts before. */
  readonly failures: readonly string[];
}

interface Opened {
  readonly ends: Ends;
  readonly response: IncomingMessage;
  readonly sent: Promise<void>;
}

/** Sends a request. The answer may come while `body` is still being sent. */
async function open(url: string, options: RequestOptions, body?: Readable): Promise<Opened> {
  const outgoing = request(url, body === undefined ? options : { method: "POST", ...options });
  const sent = body === undefined ? Promise.resolve(void outgoing.end()) : pipeline(body, outgoing);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${url}: status ${response.statusCode}`);
  return { ends: endsOf(response.socket), response, sent };
}

async function exchange(url: string, options: RequestOptions, body?: Readable): Promise<Exchange> {
  const { ends, response, sent } = await open(url, options, body);
  const text = (await response.setEncoding("utf8").toArray()).join("");
  await sent;
  return { ends, reply: JSON.parse(text) as Reply };
}

async function keepAlive(url: string, count: number): Promise<Exchange[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const exchanges: Exchange[] = [];
  for (let i = 0; i < count; i++) exchanges.push(await exchange(url, { agent }));
  agent.destroy();
  return exchanges;
}

async function upload(url: string, bytes: number): Promise<Upload> {
  const digester = new Digester();
  const started = performance.now();
  const done = await exchange(url, {}, content(1, bytes, digester));
  return { ...done, sent: digester.digest(), ms: performance.now() - started };
}

async function download(url: string, bytes: number): Promise<Download> {
  const started = performance.now();
  const { ends, response } = await open(`${url}download?seed=3&bytes=${bytes}`, {});
  const received = await digestOf(response);
  return { ends, received, ms: performance.now() - started, expected: digestOfContent(3, bytes) };
}

/** All at once: the server answers none before it has seen all. */
function streams(url: string, count: number, bytes: number): Promise<Stream[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: count });
  const one = async (seed: number): Promise<Stream> => {
    const digester = new Digester();
    const body = content(seed, bytes, digester);
    const { ends, response, sent } = await open(`${url}echo?together=${count}`, { agent }, body);
    const received = await digestOf(response);
    await sent;
    return { ends, received, sent: digester.digest() };
  };
  return Promise.all(Array.from({ length: count }, (_, i) => one(100 + i))).finally(() => agent.destroy());
}

async function dial(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** Ends its half first: all that the server says comes after. */
async function endFirst(host: string, port: number, bytes: number): Promise<HalfClose> {
  const socket = await dial(host, port);
  const ends = endsOf(socket);
  const digester = new Digester();
  const answer = readLineAndRest(socket);
  await pipeline(content(4, bytes, digester), socket, { end: true });
  return { ends, sent: digester.digest(), ...(await answer), expected: digestOfContent(ANSWER_SEED, bytes) };
}

/** Sends only after the server has ended its half. */
async function endLast(host: string, port: number, bytes: number): Promise<HalfClose> {
  const socket = await dial(host, port);
  const ends = endsOf(socket);
  const answer = await readLineAndRest(socket);
  const digester = new Digester();
  await pipeline(content(6, bytes, digester), socket);
  return { ends, sent: digester.digest(), ...answer, expected: digestOfContent(0, 0) };
}

async function readLineAndRest(socket: Socket): Promise<{ firstLine: string; received: Digest }> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await finished(socket, { writable: false });
  const all = Buffer.concat(chunks);
  const end = all.indexOf("\n") + 1;
  const rest = new Digester();
  rest.add(all.subarray(end));
  return { firstLine: all.toString("utf8", 0, end).trim(), received: rest.digest() };
}

/** Asks again and again, as an impatient application would, until there is an answer. */
async function untilAnswered(url: string, deadlineMs: number): Promise<Answered> {
  const failures: string[] = [];
  const signal = AbortSignal.timeout(deadlineMs);
  for (;;) {
    try {
      return { ...(await exchange(url, { agent: new Agent(), signal })), failures };
    } catch (error) {
      if (signal.aborted)
        throw new Error(`no answer in ${deadlineMs} ms: ${failures.slice(-5)}`, { cause: error });
      failures.push(codeOf(error));
      await sleep(20);
    }
  }
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : String(error);
}

function run([mode = "", target = "", ...rest]: readonly string[]): Promise<unknown> {
  const [first = 0, second = 0] = rest.map(Number);
  switch (mode) {
    case "keep-alive":
      return keepAlive(target, first);
    case "upload":
      return upload(target, first);
    case "download":
      return download(target, first);
    case "streams":
      return streams(target, first, second);
    case "end-first":
      return endFirst(target, first, second);
    case "end-last":
      return endLast(target, first, second);
    case "until-answered":
      return untilAnswered(target, first);
    default:
      throw new Error(`there is no mode '${mode}'`);
  }
}

console.log(JSON.stringify(await run(process.argv.slice(2))));
