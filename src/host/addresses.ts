// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { type Address, type Family, formatAddress, sameAddress } from "../core/address.ts";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { ERRNO, syscallError } from "../native/errno.ts";
import { type NetlinkRequest, NetlinkSocket } from "../native/netlink.ts";
import {
  addAddressRequest,
  LOOPBACK_IFINDEX,
  readAddresses,
  removeAddressRequest,
} from "../native/rtnetlink.ts";

/** IPv6 on the loopback interface: usable, switched off by sysctl, or not in this kernel at all. */
export type Ipv6Availability = "available" | "disabled" | "missing";

/** Looks at /proc/sys/net, which shows the network namespace of the thread that reads: the main one. */
export function ipv6Availability(): Ipv6Availability {
  const path = "/proc/sys/net/ipv6/conf/lo/disable_ipv6";
  try {
    return readFileSync(path, "utf8").trim() === "0" ? "available" : "disabled";
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return "missing";
    throw new TproxyError("SYSCALL_FAILED", `cannot find out whether there is IPv6 (${path})`, { cause });
  }
}

/**
 * Gives the loopback interface of the main thread's network namespace an address. When it returns, the address can be
 * bound to.
 *
 * @returns whether it was added: false where it is there already
 * @throws TproxyError SYSCALL_FAILED where it is not there afterwards: EACCES where IPv6 is off, EPERM without
 *   CAP_NET_ADMIN
 */
export function addLoopbackAddress(address: Address): boolean {
  return change("add", address);
}

/**
 * Takes an address from the loopback interface of the main thread's network namespace.
 *
 * @returns whether it was removed: false where it was not there
 * @throws TproxyError SYSCALL_FAILED where it is there afterwards
 */
export function removeLoopbackAddress(address: Address): boolean {
  return change("remove", address);
}

/** Tries first and looks afterwards: there is no race with others. */
function change(action: "add" | "remove", address: Address): boolean {
  using netlink = new NetlinkSocket("route");
  const request = action === "add" ? addAddressRequest : removeAddressRequest;
  const errno = send(netlink, request(LOOPBACK_IFINDEX, address));
  if (errno === 0) return true;
  if (isOnLoopback(netlink, address) === (action === "add")) return false;
  const what = `${formatAddress(address)} ${action === "add" ? "to" : "from"} the loopback interface`;
  const hint = hintFor(errno, address.family);
  throw syscallError(`cannot ${action} ${what}`, errno, hint === undefined ? {} : { hint });
}

/** Whether the loopback interface has an address. */
export function hasLoopbackAddress(address: Address): boolean {
  using netlink = new NetlinkSocket("route");
  return isOnLoopback(netlink, address);
}

/** What became of a request: 0 or an errno. */
function send(netlink: NetlinkSocket, request: NetlinkRequest): number {
  try {
    return netlink.requestAll([request])[0] ?? 0;
  } catch (error) {
    if (error instanceof TproxyError && error.errno === ERRNO.EPERM) return error.errno;
    throw error;
  }
}

function isOnLoopback(netlink: NetlinkSocket, wanted: Address): boolean {
  return readAddresses(netlink).some(
    ({ index, address }) => index === LOOPBACK_IFINDEX && sameAddress(address, wanted),
  );
}

function hintFor(errno: number, family: Family): string | undefined {
  if (errno === ERRNO.EPERM) return "Run this as root with CAP_NET_ADMIN in this network namespace.";
  if (family === 4) return undefined;
  switch (ipv6Availability()) {
    case "available":
      return undefined;
    case "disabled":
      return "IPv6 is off in this network namespace: sysctl -w net.ipv6.conf.lo.disable_ipv6=0 switches it on.";
    case "missing":
      return "This kernel has no IPv6: load its module, or install with --ip-family-mode=ipv4.";
  }
}
