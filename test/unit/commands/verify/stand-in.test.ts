import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { isShared, lookForHolders } from "../../../../src/commands/verify/port-sockets.ts";
import { StandIn } from "../../../../src/commands/verify/stand-in.ts";

const open: (Server | Socket)[] = [];
const standIns: StandIn[] = [];
afterEach(() => {
  for (const each of [...open.splice(0), ...standIns.splice(0)]) each.close();
});

type Protocol = "tcp" | "udp";

/** The proxy. @returns its port */
async function listen(protocol: Protocol, port: number, reusePort: boolean): Promise<number> {
  if (protocol === "tcp") {
    const server = createServer().listen({ host: "0.0.0.0", port, reusePort });
    open.push(server);
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }
  const socket = createSocket({ type: "udp4", reusePort }).bind(port, "127.0.0.1");
  open.push(socket);
  await once(socket, "listening");
  return socket.address().port;
}

/** The kernel forgets a listener at once when it is closed. */
async function freePort(protocol: Protocol): Promise<number> {
  const port = await listen(protocol, 0, false);
  for (const each of open.splice(0)) {
    const closed = once(each, "close");
    each.close();
    await closed;
  }
  return port;
}

function wanted(protocol: Protocol, port: number) {
  const families = [4] as const;
  return protocol === "tcp" ? { tcp: [port], dns: undefined, families } : { tcp: [], dns: port, families };
}

async function standIn(protocol: Protocol, port: number) {
  const it = new StandIn();
  standIns.push(it);
  const [holder] = await it.listen(wanted(protocol, port));
  if (holder === undefined) throw new Error("nobody was asked");
  return holder;
}

describe.each<Protocol>(["tcp", "udp"])("%s", (protocol) => {
  test("a proxy that shares its port can start meanwhile, and that is seen", async () => {
    const port = await freePort(protocol);
    const holder = await standIn(protocol, port);
    expect(holder).toMatchObject({ holder: "us" });
    expect(isShared(holder)).toBe(false);
    expect(await listen(protocol, port, true)).toBe(port);
    expect(isShared(holder)).toBe(true);
  });

  test.each([true, false])(
    "nothing is taken from a proxy that is there, sharing its port: %s",
    async (shares) => {
      const port = await listen(protocol, 0, shares);
      expect(await standIn(protocol, port)).toMatchObject({ holder: "proxy", code: "EADDRINUSE" });
    },
  );

  test("looking makes nobody listen", async () => {
    const port = await freePort(protocol);
    expect(lookForHolders(wanted(protocol, port))).toMatchObject([{ holder: "bypassed" }]);
    expect(await listen(protocol, port, false)).toBe(port);
    expect(lookForHolders(wanted(protocol, port))).toMatchObject([{ holder: "proxy" }]);
  });
});
