// What a situation of the table is, and how a row of it becomes one for each kind of socket.

import { APP_UID, PROXY_UID } from "../support/world.ts";

/** "mapped" is an AF_INET6 socket that is connected to a v4-mapped address: IPv4 to everybody but the application. */
export const SOCKETS = ["v4", "v6", "mapped"] as const;
export type SocketKind = (typeof SOCKETS)[number];

export const DEFAULT_PORTS = { outbound: 15001, inbound: 15006 } as const;

export interface Situation {
  readonly name: string;
  readonly host: "service" | "remote";
  readonly uid: number;
  readonly socket: SocketKind;
  /** What is special about the client's socket: flags of `tpnet connect`. */
  readonly options: readonly string[];
  readonly from: string | undefined;
  readonly to: string;
  /** To which of the proxy's ports the connection goes, or to neither. "refused": by the kernel, as ever. */
  readonly expected: "outbound" | "inbound" | "untouched" | "refused";
  readonly error: string;
  /** Where the connection was going, as the proxy must see it. */
  readonly original: string | null;
  /** getpeername, as the application must see it. */
  readonly peer: string | null;
}

/** Options of the installation, and the situations that are tried with it. */
export interface OptionSet {
  readonly title: string;
  readonly flags: readonly string[];
  /** What no flag says, by the names of the environment variables without their prefix. */
  readonly variables: Readonly<Record<string, string>>;
  readonly ports: { readonly outbound: number; readonly inbound: number };
  readonly situations: readonly Situation[];
}

/** An address in both families; only one where the other has no such thing. */
export interface Place {
  readonly v4?: string;
  readonly v6?: string;
}

export interface Row {
  readonly name: string;
  readonly client: "app" | "proxy" | "remote";
  readonly from?: Place;
  readonly to: Place;
  readonly port?: number;
  readonly options?: readonly string[];
  readonly expected: Situation["expected"];
  readonly error?: string;
  /** Where it is not `to`. */
  readonly peer?: Place;
  readonly sockets?: readonly SocketKind[];
}

export function optionSet(
  title: string,
  flags: readonly string[],
  rows: readonly Row[],
  ports: OptionSet["ports"] = DEFAULT_PORTS,
): OptionSet {
  return { title, flags, variables: {}, ports, situations: rows.flatMap(inAllFamilies) };
}

/** Of settings that have no flag. */
export function variableSet(variables: OptionSet["variables"], rows: readonly Row[]): OptionSet {
  const title = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return { ...optionSet(title.join(" "), [], rows), variables };
}

function inAllFamilies(row: Row): Situation[] {
  return (row.sockets ?? SOCKETS).flatMap((socket) => {
    const family = socket === "v6" ? "v6" : "v4";
    const [from, to, peer] = [row.from, row.to, row.peer ?? row.to].map((place) => place?.[family]);
    if (to === undefined || peer === undefined || (row.from !== undefined && from === undefined)) return [];
    const port = row.port ?? 80;
    const intercepted = row.expected === "outbound" || row.expected === "inbound";
    return [
      {
        name: `${row.name} (${socket})`,
        host: row.client === "remote" ? "remote" : "service",
        uid: row.client === "proxy" ? PROXY_UID : APP_UID,
        socket,
        options: row.options ?? [],
        from,
        to: endpoint(to, port),
        expected: row.expected,
        error: row.error ?? "",
        original: intercepted ? endpoint(to, port) : null,
        peer:
          row.expected === "refused" ? null : endpoint(socket === "mapped" ? `::ffff:${peer}` : peer, port),
      },
    ];
  });
}

export function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
