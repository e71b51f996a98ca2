// What a situation of DNS is: who asks which name servers in which way, and who must answer.

import { TPNET, type World } from "../support/world.ts";

/** "mapped" is an AF_INET6 socket that asks v4-mapped addresses, as musl's does where one name server is IPv6. */
export const KINDS = ["v4", "v6", "mapped"] as const;
export type Kind = (typeof KINDS)[number];

/** One socket for each server, connected (glibc), or one socket for all of them (musl). */
export const MANNERS = ["connected", "unconnected"] as const;
export type Manner = (typeof MANNERS)[number];

export interface DnsRow {
  readonly name: string;
  readonly client: "app" | "proxy";
  /** The same name servers in both families; only one where the other has no such thing. */
  readonly servers: { readonly v4?: readonly string[]; readonly v6?: readonly string[] };
  /** The DNS proxy answers, or each server for itself. */
  readonly expected: "proxy" | "servers";
  /** Flags of `tpnet dns-ask`. */
  readonly options?: readonly string[];
  readonly from?: { readonly v4: string; readonly v6: string };
  readonly kinds?: readonly Kind[];
}

export interface DnsSet {
  readonly title: string;
  readonly flags: readonly string[];
  /** The name servers of resolv.conf. */
  readonly resolvConf: readonly string[];
  /** The DNS proxy's. */
  readonly port: number;
  readonly rows: readonly DnsRow[];
}

export interface DnsSituation extends DnsRow {
  readonly kind: Kind;
  readonly manner: Manner;
  readonly asked: readonly string[];
}

export function situationsOf({ rows }: DnsSet): DnsSituation[] {
  return rows.flatMap((row) =>
    (row.kinds ?? KINDS).flatMap((kind) => {
      const asked = row.servers[kind === "v6" ? "v6" : "v4"];
      if (asked === undefined) return [];
      return MANNERS.map((manner) => ({ ...row, kind, manner, asked }));
    }),
  );
}

/** What `tpnet dns-ask` says. */
export interface Answers {
  readonly asked: number;
  readonly answered: number;
  /** Answers that seem to come from somebody else than was asked. */
  readonly strangers: number;
  /** Bytes of the smallest answer. */
  readonly smallest: number;
  readonly error: string;
  /** getpeername of the first socket, where it is connected. */
  readonly peer: string | null;
  readonly local: string | null;
  /** Who answered, as the answers themselves say. */
  readonly listeners: readonly string[];
}

export async function askServers(
  world: World,
  servers: readonly string[],
  flags: readonly string[],
  uid: number,
): Promise<Answers> {
  const args = [TPNET, "dns-ask", "--servers", servers.join(","), ...flags];
  const { stdout, stderr, exitCode } = await world.run(args, { uid });
  if (exitCode !== 0) throw new Error(`tpnet dns-ask failed: ${stderr}`);
  return JSON.parse(stdout) as Answers;
}

export function serverEndpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
