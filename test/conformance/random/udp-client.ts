// Asks where each line of its input says ("10.66.0.2#53"), from a socket of its own each time, and prints who
// answered, and as whom, as JSON. All at once: none waits for another one.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";

const PATIENCE_MS = 2000;

async function ask(endpoint: string): Promise<unknown> {
  const [address = "", port] = endpoint.split("#");
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const answered = once(socket, "message", { signal: patience.signal });
    socket.send("?", Number(port), address);
    const [text, from] = await answered;
    return { server: String(text), source: `${from.address}#${from.port}` };
  } catch (error) {
    return { error: error instanceof Error && "code" in error ? error.code : String(error) };
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

process.stdout.write("ready\n");
const waiting: Promise<unknown>[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  const before = waiting.at(-1);
  const answer = ask(line);
  // In the order of the questions.
  waiting.push(
    Promise.resolve(before).then(async () => process.stdout.write(`${JSON.stringify(await answer)}\n`)),
  );
}
await Promise.all(waiting);
