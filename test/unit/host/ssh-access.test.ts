import { expect, test } from "vitest";
import { formatEndpoint, parseAddress } from "../../../src/core/address.ts";
import { accessOf, parseSshConnection } from "../../../src/host/ssh-access.ts";
import { TCP_STATE, type TcpSocket } from "../../../src/host/tcp-sockets.ts";

test.each([
  ["10.0.0.9 50022 10.0.0.1 22", ["10.0.0.9:50022", "10.0.0.1:22"]],
  ["fe80::9%eth0 50022 fe80::1%eth0 2222", ["[fe80::9]:50022", "[fe80::1]:2222"]],
  ["::ffff:10.0.0.9 50022 ::ffff:10.0.0.1 22", ["10.0.0.9:50022", "10.0.0.1:22"]],
  // What a server without an address says (sshd -i on a pipe), and what nobody says.
  ["UNKNOWN 65535 UNKNOWN 65535", undefined],
  ["10.0.0.9 50022", undefined],
  ["10.0.0.9 x 10.0.0.1 22", undefined],
  ["", undefined],
])("%s", (text, wanted) => {
  const read = parseSshConnection(text);
  const shown = read && [read.remote, read.local].map(({ address, port }) => formatEndpoint(address, port));
  expect(shown).toEqual(wanted);
});

/** "0.0.0.0:22" or "[::]:22" listens; "10.0.0.1:22 10.0.0.9:50022" is connected. */
function socket(text: string): TcpSocket {
  const [local, remote] = text.split(" ").map(endpoint);
  if (local === undefined) throw new Error(`no socket: ${text}`);
  const state = remote === undefined ? TCP_STATE.listen : TCP_STATE.established;
  return { state, local, remote: remote ?? local, uid: 0, inode: 1, waiting: 0, cgroupId: undefined };
}

function endpoint(text: string): TcpSocket["local"] {
  const [, host = "", port] = /^\[?(.*?)\]?:([0-9]+)$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined) throw new Error(`no endpoint: ${text}`);
  return { address, port: Number(port) };
}

const LDAP = "10.0.0.1:45678 10.0.0.5:389";
const SESSION = "10.0.0.1:22 10.0.0.9:50022";
const SESSION_2222 = "10.0.0.1:2222 10.0.0.9:50022";
const FORWARDED = "10.0.0.1:8080 10.0.0.9:50023";

interface Held {
  readonly listens?: readonly string[];
  readonly connections?: readonly string[];
  /** Of others. */
  readonly others?: readonly number[];
  readonly found: readonly string[];
}

test.each<[string, Held]>([
  ["a server", { listens: ["0.0.0.0:22", "[::]:22"], found: ["server 22", "server 22"] }],
  [
    "one that asks a directory of users",
    { listens: ["0.0.0.0:22"], connections: [LDAP], found: ["server 22"] },
  ],
  [
    "the same by another port",
    { listens: ["0.0.0.0:2222"], connections: [LDAP], others: [80], found: ["server 2222"] },
  ],
  [
    "one that has not handed it on yet",
    { listens: ["0.0.0.0:2222"], connections: [SESSION_2222], found: ["server 2222", "session 2222"] },
  ],
  ["a session", { connections: [SESSION], others: [22], found: ["session 22"] }],
  ["with its server gone", { connections: [SESSION_2222], found: ["session 2222"] }],
  ["that asks a directory, too", { connections: [LDAP, SESSION], others: [22], found: ["session 22"] }],
  [
    "with ports forwarded both ways",
    {
      listens: ["0.0.0.0:8080", "[::]:8080"],
      connections: [SESSION_2222, FORWARDED, "127.0.0.1:50099 127.0.0.1:5432"],
      ...{ others: [2222, 5432], found: ["session 2222"] },
    },
  ],
  [
    "with ports forwarded, and its server gone",
    { listens: ["0.0.0.0:8080"], connections: [SESSION, FORWARDED], found: ["session 22"] },
  ],
  [
    "who listens on 22, whatever else it is",
    {
      listens: ["0.0.0.0:22"],
      connections: [SESSION_2222],
      others: [2222],
      found: ["server 22", "session 2222"],
    },
  ],
  ["a helper of a server", { connections: [LDAP, "10.0.0.1:45679 10.0.0.5:636"], others: [22], found: [] }],
  ["nothing", { found: [] }],
])("%s", (_, { listens = [], connections = [], others = [], found }) => {
  const listeners = listens.map(socket);
  const listening = new Set([...others, ...listeners.map(({ local }) => local.port)]);
  const read = accessOf("sshd, process 1", listeners, connections.map(socket), listening);
  expect(read.map(({ kind, port }) => `${kind} ${port}`)).toEqual(found);
});
