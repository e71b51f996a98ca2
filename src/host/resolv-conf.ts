// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { type Address, parseAddress, sameAddress, unmapAddress } from "../core/address.ts";
import { ConfigError, systemErrorCode } from "../core/errors.ts";

export interface Nameservers {
  /** In the file's order, each once; v4-mapped ones as IPv4. */
  readonly addresses: readonly Address[];
  /** What stands there for an address and is none that can be told from a packet: `fe80::1%eth0`. */
  readonly unusable: readonly string[];
}

/**
 * The name servers that a resolv.conf(5) names: all of them, where the C library asks the first three alone.
 *
 * @throws ConfigError where the file cannot be read
 */
export function readNameservers(path: string): Nameservers {
  return parseNameservers(readText(path));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = systemErrorCode(error) ?? String(error);
    throw new ConfigError(
      [
        {
          source: "redirect.dns.resolvConfigPath",
          message: `cannot read the name servers from ${JSON.stringify(path)}: ${reason}`,
        },
      ],
      "--redirect-dns needs them; --redirect-all-dns-traffic does not.",
    );
  }
}

/**
 * `nameserver ADDRESS` on a line, with blanks around and whatever behind it, as glibc, musl and Go read it; the first
 * two ignore lines that begin with blanks, Go does not. All other lines mean nothing here, comments among them.
 */
export function parseNameservers(text: string): Nameservers {
  const words = text
    .split("\n")
    .map((line) => /^\s*nameserver\s+([^\s#;]+)/.exec(line)?.[1])
    .filter((word) => word !== undefined);
  const addresses: Address[] = [];
  const unusable: string[] = [];
  for (const word of words) {
    const parsed = parseAddress(word);
    if (parsed === undefined) {
      unusable.push(word);
      continue;
    }
    const address = unmapAddress(parsed);
    if (!addresses.some((other) => sameAddress(other, address))) addresses.push(address);
  }
  return { addresses, unusable };
}
