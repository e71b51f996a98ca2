// SPDX-License-Identifier: Apache-2.0
import { formatEndpoint, unmapAddress } from "../../core/address.ts";
import { findSocketOwners } from "../../host/socket-owner.ts";
import { disconnectUdpSockets, readConnectedUdp, type UdpSocket } from "../../host/udp-sockets.ts";

/**
 * Takes their connection from UDP sockets that ask the wrong one.
 *
 * @returns how many there were, and who holds those that the kernel would not disconnect, a sentence each
 */
export function disconnectSockets(sockets: readonly UdpSocket[]): string[] {
  if (sockets.length === 0) return [];
  const results = disconnectUdpSockets(sockets);
  const done = results.filter((errno) => errno === 0).length;
  const left = stillThere(sockets.filter((_, index) => results[index] !== 0));
  return [...(done === 0 ? [] : [noteDone(done)]), ...(left.length === 0 ? [] : [noteLeft(left)])];
}

/** What has gone meanwhile has not been refused. */
function stillThere(refused: readonly UdpSocket[]): UdpSocket[] {
  const ports = new Set(refused.map(({ remote }) => remote.port));
  const inodes = new Set([...ports].flatMap((port) => readConnectedUdp(port)).map(({ inode }) => inode));
  return refused.filter(({ inode }) => inode !== 0 && inodes.has(inode));
}

function noteDone(count: number): string {
  const which =
    count === 1
      ? "1 UDP socket was connected to a name server or DNS proxy that it"
      : `${count} UDP sockets were connected to a name server or DNS proxy that they`;
  return `${which} should no longer ask: disconnected (ECONNABORTED), new ones ask the right one`;
}

/** A line can take as many. */
const NAMED = 5;

function noteLeft(left: readonly UdpSocket[]): string {
  const owners = findSocketOwners(left);
  const texts = left.map(({ inode, uid, remote }) => {
    const owner = owners.get(inode);
    const who = owner === undefined ? `a process of user ${uid}` : `process ${owner.pid} (${owner.command})`;
    return `${who} asks ${formatEndpoint(unmapAddress(remote.address), remote.port)}`;
  });
  const distinct = [...new Set(texts)];
  const named = [...distinct.slice(0, NAMED), ...(distinct.length > NAMED ? ["and others"] : [])].join(", ");
  return `this kernel cannot disconnect UDP sockets that ask the wrong one for DNS: ${named}; restart what holds them`;
}
