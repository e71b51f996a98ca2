// The connections that are compared: one by one the same, with and without interception.

import type { RunOptions } from "../test/support/world.ts";
import { APPLICATION, PROXY_PORT, REMOTE, SERVER_PORT } from "./scene.ts";

/**
 * Worlds that are alike but for what is installed. There are two without anything: what one seems to add to the
 * other is what this measurement cannot tell from nothing.
 */
export const SETUPS = ["direct", "direct again", "sk_lookup", "tc"] as const;
export type Setup = (typeof SETUPS)[number];

/** The flags of `tproxyctl install` that make a setup. */
export const INSTALLED: Readonly<Partial<Record<Setup, readonly string[]>>> = {
  sk_lookup: [],
  tc: ["--ebpf-tc-attach-iface", "eth0"],
};

export interface ConnectCase {
  readonly name: string;
  readonly setup: Setup;
  readonly client: RunOptions;
  readonly address: string;
  readonly port: number;
  /** Whether the server has to see an original destination. */
  readonly intercepted: boolean;
  /** The case that this one is compared with, and how much it may add. */
  readonly base?: string;
  readonly goalUs?: number;
}

const ROUTES = [
  {
    direction: "outbound",
    client: APPLICATION,
    addresses: { IPv4: "10.66.0.2", IPv6: "fd66::2" },
    // What steers inbound connections makes no difference here.
    setups: ["direct", "direct again", "sk_lookup"],
    goalUs: 10,
  },
  {
    direction: "inbound",
    client: REMOTE,
    addresses: { IPv4: "10.66.0.1", IPv6: "fd66::1" },
    setups: SETUPS,
    goalUs: 4,
  },
] as const;

/** Intercepted outbound connections stay on the loopback interface: this is what that takes by itself. */
const LOOPBACK = { IPv4: "127.86.0.1", IPv6: "::1" } as const;

export const CASES: readonly ConnectCase[] = (["IPv4", "IPv6"] as const).flatMap((family) =>
  ROUTES.flatMap(({ direction, client, addresses, setups, goalUs }) => {
    const prefix = `${direction} ${family}`;
    const base = `${prefix}, direct`;
    const cases = setups.map((setup): ConnectCase => {
      const name = `${prefix}, ${setup}`;
      const intercepted = setup in INSTALLED;
      const route = { name, setup, client, address: addresses[family], port: SERVER_PORT, intercepted };
      if (setup === "direct") return route;
      return intercepted ? { ...route, base, goalUs } : { ...route, base };
    });
    return direction === "outbound" ? [...cases, loopback(family, base)] : cases;
  }),
);

function loopback(family: keyof typeof LOOPBACK, base: string): ConnectCase {
  return {
    name: `outbound ${family}, to loopback instead`,
    setup: "direct",
    client: APPLICATION,
    address: LOOPBACK[family],
    port: PROXY_PORT,
    intercepted: false,
    base,
  };
}
