// SPDX-License-Identifier: Apache-2.0
import { fstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import type { ListenerFact } from "../core/facts.ts";
import { Descriptor } from "../native/descriptor.ts";
import { ERRNO } from "../native/errno.ts";
import { pidfd_getfd, pidfd_open } from "../native/processes.ts";

/** A process that has a socket open: one of them where several share it. */
export interface SocketOwner {
  readonly pid: number;
  /** The descriptor's number in that process. */
  readonly fd: number;
  readonly inode: number;
  /** What the kernel calls the process: at most 15 characters. */
  readonly command: string;
}

/** The owners by the inodes of their sockets. */
export interface SocketOwners extends ReadonlyMap<number, SocketOwner> {
  /** Processes that we may not look into: a socket without an owner may be theirs. Needs CAP_SYS_PTRACE. */
  readonly unreadable: readonly number[];
}

/**
 * Finds a process for each socket, looking first into those that run as the user of a socket, and stopping when
 * all are found. A socket may have none: in another PID namespace, or closed meanwhile.
 */
export function findSocketOwners(sockets: readonly Pick<ListenerFact, "inode" | "uid">[]): SocketOwners {
  const wanted = new Set(sockets.map(({ inode }) => inode));
  const uids = new Set(sockets.map(({ uid }) => uid));
  const owners = new Map<number, SocketOwner>();
  const unreadable: number[] = [];
  for (const pid of wanted.size === 0 ? [] : processes(uids)) {
    const fds = unlessGone(() => readdirSync(`/proc/${pid}/fd`));
    if (fds === "denied") unreadable.push(pid);
    else collect(pid, fds ?? [], wanted, owners);
    if (wanted.size === 0) break;
  }
  return Object.assign(owners, { unreadable });
}

/**
 * Our own descriptor for another process's socket (Linux 5.6). Throws SYSCALL_FAILED where the process has gone
 * or its descriptor is something else by now, CAPABILITY_MISSING without CAP_SYS_PTRACE.
 */
export function takeSocket(owner: SocketOwner): Descriptor {
  try {
    using pidfd = new Descriptor(pidfd_open(owner.pid));
    const socket = new Descriptor(pidfd_getfd(pidfd.fd, owner.fd));
    if (fstatSync(socket.fd).ino === owner.inode) return socket;
    socket[Symbol.dispose]();
  } catch (error) {
    throw explain(error, owner);
  }
  throw explain(new Error("it is another file by now"), owner);
}

/** All processes, those of the users given first. */
function* processes(uids: ReadonlySet<number>): Generator<number> {
  const others: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const uid = unlessGone(() => statSync(`/proc/${name}`).uid);
    if (typeof uid === "number" && uids.has(uid)) yield Number(name);
    else others.push(Number(name));
  }
  yield* others;
}

/** Moves what a process has from `wanted` to `owners`. */
function collect(
  pid: number,
  fds: readonly string[],
  wanted: Set<number>,
  owners: Map<number, SocketOwner>,
): void {
  for (const { fd, inode } of socketsAmong(pid, fds)) {
    if (!wanted.delete(inode)) continue;
    owners.set(inode, { pid, fd, inode, command: commandOf(pid) });
    if (wanted.size === 0) return;
  }
}

/** The sockets that a process has open, by its descriptors from 0 up. None where it has ended or we may not look. */
export function socketsOf(pid: number): readonly Pick<SocketOwner, "fd" | "inode">[] {
  const fds = unlessGone(() => readdirSync(`/proc/${pid}/fd`));
  if (fds === "denied" || fds === undefined) return [];
  return [...socketsAmong(pid, fds)].sort((a, b) => a.fd - b.fd);
}

function* socketsAmong(pid: number, fds: readonly string[]): Generator<Pick<SocketOwner, "fd" | "inode">> {
  for (const fd of fds) {
    const inode = socketInode(unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "");
    if (inode !== undefined) yield { fd: Number(fd), inode };
  }
}

/** What the kernel calls a process, at most 15 characters; "" where it has ended. */
export function commandOf(pid: number): string {
  return unlessGone(() => readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd()) ?? "";
}

/** 4711 for "socket:[4711]". */
export function socketInode(link: string): number | undefined {
  const digits = /^socket:\[([0-9]+)\]$/.exec(link)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Processes come and go while we look: undefined for one that has gone. */
function unlessGone<T>(look: () => T): T | undefined | "denied" {
  try {
    return look();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    if (code === "EACCES" || code === "EPERM") return "denied";
    throw new TproxyError("SYSCALL_FAILED", "cannot look for the process that has a socket", { cause });
  }
}

function explain(cause: unknown, { pid, fd, command }: SocketOwner): TproxyError {
  const message = `cannot take over the listening socket of process ${pid} (${command}, descriptor ${fd})`;
  const refused = cause instanceof TproxyError && cause.errno === ERRNO.EPERM;
  return new TproxyError(refused ? "CAPABILITY_MISSING" : "SYSCALL_FAILED", message, {
    cause,
    hint: refused
      ? "It needs CAP_SYS_PTRACE and a seccomp profile that allows pidfd_getfd; or start the proxy afterwards."
      : "Did the proxy start again just now? Then install again.",
  });
}
