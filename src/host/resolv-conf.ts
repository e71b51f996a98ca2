// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { type Address, parseAddress, sameAddress, unmapAddress } from "../core/address.ts";
import { ConfigError, systemErrorCode } from "../core/errors.ts";

export interface Nameservers {
  /** In the file's order, each once; v4-mapped ones as IPv4. */
  readonly addresses: readonly Address[];
  /** What stands there for an address and is none that can be told from a packet: `fe80::1%eth0`. */
  readonly unusable: readonly string[];
}

/** glibc reads a few hundred bytes; whatever is as large as this names no name servers. */
const LARGEST = 1024 * 1024;

/**
 * The name servers that a resolv.conf(5) names: all of them, where the C library asks the first three alone.
 *
 * @throws ConfigError where the file cannot be read, or is no text. Where there is none, the C library asks 127.0.0.1;
 *   whoever asks for redirection by such a file is told instead.
 */
export function readNameservers(path: string): Nameservers {
  return parseNameservers(readText(path));
}

function readText(path: string): string {
  try {
    // A pipe without a writer would be waited for for ever.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return readRegularFile(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const reason = error instanceof Unusable ? error.message : (systemErrorCode(error) ?? String(error));
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

class Unusable extends Error {}

function readRegularFile(fd: number): string {
  const stat = fstatSync(fd);
  if (stat.isDirectory()) throw new Unusable("EISDIR");
  if (!stat.isFile()) throw new Unusable("it is no regular file");
  if (stat.size > LARGEST) throw new Unusable(`it is larger than ${LARGEST >> 20} MiB`);
  const text = readFileSync(fd, "utf8");
  if (text.includes("\0")) throw new Unusable("it is no text: it holds a NUL byte");
  return text;
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
