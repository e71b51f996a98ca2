// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { type Address, type Family, formatAddress, sameAddress } from "../core/address.ts";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { run } from "./exec.ts";
import { parseInterfaces } from "./ip-json.ts";

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

/** Whether the kernel has IPv6, be it switched off or not. */
export function hasIpv6(): boolean {
  return ipv6Availability() !== "missing";
}

/**
 * Gives the loopback interface an address. Returns whether it was added: false where it is there already.
 * Throws COMMAND_FAILED where it is not there afterwards.
 */
export async function addLoopbackAddress(address: Address): Promise<boolean> {
  return change("add", address);
}

/** Takes an address from the loopback interface. Returns whether it was removed: false where it was not there. */
export async function removeLoopbackAddress(address: Address): Promise<boolean> {
  return change("del", address);
}

/** Tries first and looks afterwards: one process where something is to be done, and no race with others. */
async function change(action: "add" | "del", address: Address): Promise<boolean> {
  const { family, bytes } = address;
  const prefix = `${formatAddress(address)}/${bytes.length * 8}`;
  try {
    await run("ip", [`-${family}`, "address", action, prefix, "dev", "lo"]);
    return true;
  } catch (error) {
    const wanted = action === "add";
    if ((await isOnLoopback(address)) === wanted) return false;
    throw explain(error, family);
  }
}

async function isOnLoopback(wanted: Address): Promise<boolean> {
  const { stdout } = await run("ip", ["-json", "address", "show", "dev", "lo"]);
  return parseInterfaces(stdout).some(({ addresses }) =>
    addresses.some((address) => sameAddress(address, wanted)),
  );
}

/** What "Permission denied" means here. */
function explain(error: unknown, family: Family): unknown {
  if (!(error instanceof TproxyError) || family === 4 || ipv6Availability() === "available") return error;
  return new TproxyError(error.code, error.message, {
    cause: error.cause,
    hint: "IPv6 is off in this network namespace: sysctl -w net.ipv6.conf.lo.disable_ipv6=0 switches it on.",
  });
}
