import { EventEmitter } from "node:events";
import { beforeEach, expect, test, vi } from "vitest";
import { listenOnAll } from "../../../../src/commands/proxy/listener.ts";

/** What listening on a host ends with, by host; undefined: it works. */
const failures = new Map<string, string>();
const open = new Set<string>();

class FakeServer extends EventEmitter {
  #name = "";

  listen({ host, port }: { host: string; port: number }, done: () => void): void {
    const code = failures.get(host);
    if (code !== undefined) {
      this.emit("error", Object.assign(new Error(`listen ${code}`), { code }));
      return;
    }
    this.#name = `${host} ${port}`;
    open.add(this.#name);
    done();
  }

  close(done: () => void): void {
    open.delete(this.#name);
    done();
  }
}

vi.mock("node:net", async (original) => ({ ...(await original()), createServer: () => new FakeServer() }));

const options = { inboundPort: 80, outboundPort: 81, ipv6: true, json: false, allowRoot: false, user: "" };
const notes: string[] = [];
const io = { out: () => {}, note: (line: string) => notes.push(line) };

beforeEach(() => {
  failures.clear();
  open.clear();
  notes.length = 0;
});

test("listens on both ports in both families", async () => {
  const listeners = await listenOnAll(options, io, () => {});
  expect(listeners.map(({ address }) => address)).toEqual(["0.0.0.0:80", "0.0.0.0:81", "[::]:80", "[::]:81"]);
  expect(notes).toEqual([]);
});

test.each(["EAFNOSUPPORT", "EADDRNOTAVAIL"])(
  "goes on with IPv4 where there is no IPv6 (%s)",
  async (code) => {
    failures.set("::", code);
    const listeners = await listenOnAll(options, io, () => {});
    expect(listeners.map(({ address }) => address)).toEqual(["0.0.0.0:80", "0.0.0.0:81"]);
    expect(notes).toEqual(["note: there is no IPv6 here; the proxy goes on with IPv4"]);
  },
);

test.each([
  ["0.0.0.0", "EADDRINUSE", /ss -ltnp.*--inbound-port/],
  ["0.0.0.0", "EACCES", /ip_unprivileged_port_start/],
  ["0.0.0.0", "EAFNOSUPPORT", /--inbound-port/],
  ["::", "EADDRINUSE", /ss -ltnp.*--inbound-port/],
])("fails on %s: %s, and listens nowhere then", async (host, code, hint) => {
  failures.set(host, code);
  await expect(listenOnAll(options, io, () => {})).rejects.toMatchObject({
    code: "PROXY_FAILED",
    message: expect.stringContaining(code),
    hint: expect.stringMatching(hint),
  });
  expect([...open]).toEqual([]);
});
