// Files like resolv.conf. Written once: the installers read them all the time.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Nameservers {
  /** With servers of both families, of IPv4, of IPv6. */
  readonly files: readonly [both: string, ipv4: string, ipv6: string];
  remove(): void;
}

export function writeNameservers(): Nameservers {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-random-"));
  const file = (name: string, ...servers: string[]) => {
    const path = join(directory, name);
    writeFileSync(path, servers.map((server) => `nameserver ${server}\n`).join(""));
    return path;
  };
  const files = [
    file("both", "10.66.0.2", "fd66::2", "127.0.0.53"),
    file("ipv4", "10.66.1.2"),
    file("ipv6", "fd66:1::2"),
  ] as const;
  return { files, remove: () => rmSync(directory, { recursive: true }) };
}
