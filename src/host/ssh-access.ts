// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { parseAddress, sameAddress, unmapAddress } from "../core/address.ts";
import { systemErrorCode } from "../core/errors.ts";
import type { SshAccess } from "../core/facts.ts";
import { commandOf, findSocketOwners, socketsOf } from "./socket-owner.ts";
import { type Endpoint, readTcpSockets, TCP_STATE, type TcpSocket } from "./tcp-sockets.ts";

/** Servers and the processes that they hand their sessions to (OpenSSH 9.8 and later), by the names of their programs. */
const SSH_PROGRAMS: ReadonlySet<string> = new Set([
  ...["sshd", "sshd-session", "sshd-auth"],
  ...["dropbear", "dropbearmulti", "tinysshd"],
]);

const SSH_PORT = 22;

/**
 * Who can come, and has come, into the network namespace of the main thread by SSH. From three places:
 * 1. processes whose program or name is an SSH server's: what they hold (`accessOf`);
 * 2. a listener on port 22 that init holds (systemd, which starts the server when somebody comes) or that no process
 *    holds that can be seen from here (it is in another PID namespace);
 * 3. SSH_CONNECTION of this process and of those that it descends from (sudo drops it), where that connection is there:
 *    a server by any other name. A terminal that lives on knows one that is long gone; whoever sets it to a connection that
 *    is there gets no more by it than a refusal to install.
 *
 * @param variables of this process
 */
export function findSshAccess(variables: Readonly<Record<string, string | undefined>>): SshAccess[] {
  const named = connectionsOfVariables(variables);
  const processes = sshProcesses();
  const listeners = readTcpSockets(new Set([TCP_STATE.listen]));
  const isAsked = processes.length + named.length > 0;
  const connections = isAsked ? readTcpSockets(new Set([TCP_STATE.established])) : [];
  const ofProcesses = processes.flatMap(({ pid, name }) => {
    const held = socketsOf(pid);
    const among = (sockets: readonly TcpSocket[]) =>
      held.flatMap(({ inode }) => sockets.find((socket) => socket.inode === inode) ?? []);
    const holder = `${name}, process ${pid}`;
    return accessOf(holder, among(listeners), among(connections), portsOf(listeners));
  });
  const ofVariables = connections
    .filter((socket) => named.some((each) => isSameConnection(each, socket)))
    .map((socket) => sessionOf(socket, "this session's, by SSH_CONNECTION"));
  return [...ofProcesses, ...unseenServers(listeners, ofProcesses), ...ofVariables];
}

interface SshProcess {
  readonly pid: number;
  readonly name: string;
}

function sshProcesses(): SshProcess[] {
  const pids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return pids.flatMap((text) => {
    const pid = Number(text);
    const name = [commandOf(pid), programOf(pid)].find((each) => SSH_PROGRAMS.has(each));
    return name === undefined ? [] : [{ pid, name }];
  });
}

/** The name of its file. A program that was replaced by an upgrade while it runs is "… (deleted)". */
function programOf(pid: number): string {
  const path = unlessGone(() => readlinkSync(`/proc/${pid}/exe`)) ?? "";
  return basename(path.replace(/ \(deleted\)$/, ""));
}

/**
 * What an SSH server's process is there for, by what it holds. A session has a connection to a port on which somebody else
 * listens: what it listens on itself are forwarded ports (`ssh -R`), and its other connections go there, or elsewhere
 * (`ssh -L`). All others that listen are servers: what a server has of connections is to a directory of users, or to
 * itself where it has not handed it on yet. Who listens on port 22 is one in any case. Pure.
 *
 * @param listeners that the process has, by its descriptors
 * @param connections likewise: the session is the first that it was given
 * @param listening the ports on which anybody listens here
 */
export function accessOf(
  holder: string,
  listeners: readonly TcpSocket[],
  connections: readonly TcpSocket[],
  listening: ReadonlySet<number>,
): SshAccess[] {
  const own = portsOf(listeners);
  const servers = (each: readonly TcpSocket[]) => each.map((socket) => serverOf(socket, holder));
  const sessions = (each: readonly TcpSocket[]) => each.map((socket) => sessionOf(socket, holder));
  // A session outlives its server.
  const isToServer = (port: number) => !own.has(port) && (listening.has(port) || port === SSH_PORT);
  const session = connections.find(({ local }) => isToServer(local.port));
  if (session !== undefined)
    return [...servers(listeners.filter(({ local }) => local.port === SSH_PORT)), ...sessions([session])];
  if (listeners.length > 0)
    return [...servers(listeners), ...sessions(connections.filter(({ local }) => own.has(local.port)))];
  return connections.length === 1 ? sessions(connections) : [];
}

function portsOf(sockets: readonly TcpSocket[]): ReadonlySet<number> {
  return new Set(sockets.map(({ local }) => local.port));
}

function unseenServers(listeners: readonly TcpSocket[], known: readonly SshAccess[]): SshAccess[] {
  const isKnown = ({ local: { address } }: TcpSocket) =>
    known.some(
      (each) =>
        each.kind === "server" && each.port === SSH_PORT && sameAddress(each.address, unmapAddress(address)),
    );
  const asked = listeners.filter((socket) => socket.local.port === SSH_PORT && !isKnown(socket));
  const owners = findSocketOwners(asked);
  return asked.flatMap((socket) => {
    const owner = owners.get(socket.inode);
    if (owner === undefined) return [serverOf(socket, "a process that cannot be seen from here")];
    return owner.pid === 1 ? [serverOf(socket, `${owner.command}, process 1`)] : [];
  });
}

function serverOf({ local, isIpv6Only }: TcpSocket, holder: string): SshAccess {
  const address = unmapAddress(local.address);
  return { kind: "server", address, port: local.port, isIpv6Only, peer: undefined, holder };
}

function sessionOf({ local, remote }: TcpSocket, holder: string): SshAccess {
  const [address, peer] = [unmapAddress(local.address), unmapAddress(remote.address)];
  return { kind: "session", address, port: local.port, peer, holder };
}

interface NamedConnection {
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

function connectionsOfVariables(own: Readonly<Record<string, string | undefined>>): NamedConnection[] {
  const texts = new Set([own.SSH_CONNECTION, ...ancestors().map(sshConnectionOf)]);
  return [...texts].flatMap((text) => (text === undefined ? [] : (parseSshConnection(text) ?? [])));
}

/** "client-address client-port server-address server-port" (sshd(8)); a link-local address has its zone. */
export function parseSshConnection(text: string): NamedConnection | undefined {
  const [from = "", fromPort = "", to = "", toPort = ""] = text.trim().split(/\s+/);
  const remote = parseEndpoint(from, fromPort);
  const local = parseEndpoint(to, toPort);
  return remote === undefined || local === undefined ? undefined : { remote, local };
}

function parseEndpoint(text: string, digits: string): Endpoint | undefined {
  const address = parseAddress(text.replace(/%.*$/, ""));
  if (address === undefined || !/^[0-9]{1,5}$/.test(digits)) return undefined;
  return { address: unmapAddress(address), port: Number(digits) };
}

function isSameConnection(named: NamedConnection, { local, remote }: TcpSocket): boolean {
  return isSameEndpoint(named.local, local) && isSameEndpoint(named.remote, remote);
}

function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && sameAddress(a.address, unmapAddress(b.address));
}

/** The processes that this one descends from, the nearest first. */
function ancestors(): number[] {
  const found: number[] = [];
  for (let pid = process.ppid; pid > 0 && !found.includes(pid); pid = parentOf(pid)) found.push(pid);
  return found;
}

/** 0: it has none, in this PID namespace, or has ended. */
function parentOf(pid: number): number {
  const status = unlessGone(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? "";
  return Number(/^PPid:\s*([0-9]+)$/m.exec(status)?.[1] ?? 0);
}

function sshConnectionOf(pid: number): string | undefined {
  const environment = unlessGone(() => readFileSync(`/proc/${pid}/environ`, "utf8")) ?? "";
  const found = environment.split("\0").find((each) => each.startsWith("SSH_CONNECTION="));
  return found?.slice("SSH_CONNECTION=".length);
}

/** Processes come and go while we look; what we may not look at, as no root, is not there for us either. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== undefined && ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) return undefined;
    throw error;
  }
}
