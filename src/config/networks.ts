// SPDX-License-Identifier: Apache-2.0
import { maskPrefix, type Prefix, parsePrefix, prefixKey, unmapAddress } from "../core/address.ts";
import type { VirtualNetwork } from "./config.ts";
import { quote, type Report, splitList, whatIsWrongWithAddress } from "./values.ts";

/**
 * Addresses and prefixes of both families with commas between them, in the order given, each once. Host bits count
 * for nothing (10.0.0.5/8 is 10.0.0.0/8, as kumactl and iptables read it), v4-mapped ones are IPv4.
 */
export function parsePrefixList(text: string, report: Report): readonly Prefix[] {
  const prefixes = new Map<string | number, Prefix>();
  for (const item of splitList(text)) {
    const prefix = parseOnePrefix(item, report);
    if (prefix !== undefined) prefixes.set(prefixKey(prefix), prefix);
  }
  return [...prefixes.values()];
}

/** `docker0:172.17.0.0/16,br+:fd00::/64`: an interface, or how its name begins, and its network. In the order given. */
export function parseVirtualNetworks(text: string, report: Report): readonly VirtualNetwork[] {
  return splitList(text).flatMap((item) => {
    const colon = item.indexOf(":");
    if (colon < 0) {
      report(`${quote(item)} is not a virtual network: write INTERFACE:PREFIX, as in docker0:172.17.0.0/16`);
      return [];
    }
    const name = item.slice(0, colon);
    checkInterface(name, report);
    const prefix = parseNetwork(item.slice(colon + 1), report);
    return prefix === undefined ? [] : [{ interface: name, prefix }];
  });
}

/** With a length: what is meant by an interface's network is never one address by accident. */
function parseNetwork(text: string, report: Report): Prefix | undefined {
  if (text.includes("/")) return parseOnePrefix(text, report);
  report(`${quote(text)} is not a prefix: write it with its length, as in 172.17.0.0/16`);
  return undefined;
}

function parseOnePrefix(text: string, report: Report): Prefix | undefined {
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return unmap(maskPrefix(prefix));
  const reason = whatIsWrongWithAddress(text) ?? "write 10.0.0.1, 10.0.0.0/8, fd00::1 or fd00::/8";
  report(`${quote(text)} is not an IP address or prefix: ${reason}`);
  return undefined;
}

const MAPPED_BITS = 96;

/** A masked address is v4-mapped only where the prefix holds nothing else, that is from /96 on. */
function unmap(prefix: Prefix): Prefix {
  const address = unmapAddress(prefix.address);
  return address === prefix.address ? prefix : { address, length: prefix.length - MAPPED_BITS };
}

/** IFNAMSIZ without the NUL byte. iptables counts a "+" at the end as one of them. */
const LONGEST_NAME = 15;

/**
 * What the kernel allows in an interface's name, of printable ASCII; and none of what iptables-restore gives a
 * meaning to: quotes and backslashes everywhere, "!" and "-" in front. A "+" at its end stands for any rest.
 */
function checkInterface(name: string, report: Report): void {
  const refuse = (reason: string) => report(`${quote(name)} is not the name of an interface: ${reason}`);
  const stem = name.endsWith("+") ? name.slice(0, -1) : name;
  if (stem === "") refuse("there is none");
  if (name.length > LONGEST_NAME) refuse(`it is longer than ${LONGEST_NAME} characters`);
  if (stem === "." || stem === "..") refuse("it stands for a directory");
  if (/^[-!]/.test(name)) refuse("it begins with - or !");
  if (/[^!-~]/.test(name)) refuse("it has blanks, control characters or characters beyond ASCII");
  if (/["'`\\/]/.test(name)) refuse("it has quotes, a slash or a backslash");
}
