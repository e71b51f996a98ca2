// What comes from networks behind this host: --vnet. With eBPF, rules of iptables stand beside the programs.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, TPNET, type World } from "../support/world.ts";
import type { Answers } from "./dns-situation.ts";
import { SERVED_PORT, startNetworkWorld } from "./network-world.ts";
import { endpoint } from "./situation.ts";
import { outcome } from "./try-situation.ts";
import { EBPF_WAYS, IPTABLES_WAYS, TC, type Way } from "./ways.ts";

const REMOTE = { v4: "10.66.0.2", v6: "fd66::2" };
const OWN = { v4: "10.66.0.1", v6: "fd66::1" };
const OWN_ON_BRIDGE = { v4: "10.66.1.1", v6: "fd66:1::1" };

type Outcome = "outbound" | "inbound" | "untouched";

interface Row {
  readonly client: "container" | "late" | "remote" | "app";
  readonly to: { readonly v4: string; readonly v6: string };
  readonly port?: number;
  /** With eBPF inbound connections are intercepted on these interfaces; iptables: on all. */
  readonly expected: Outcome;
  readonly iptables?: Outcome;
}

interface Set {
  readonly title: string;
  readonly networks: readonly string[];
  readonly rows: readonly Row[];
}

const BRIDGES = ["br+:10.66.1.0/24", "br+:fd66:1::/64"];

const SETS: readonly Set[] = [
  {
    title: "a pattern of interfaces",
    networks: BRIDGES,
    rows: [
      { client: "container", to: REMOTE, expected: "outbound" },
      // Not in the network: the rules of networks come before all others.
      { client: "container", to: OWN, expected: "outbound" },
      { client: "container", to: OWN, port: 15001, expected: "outbound" },
      { client: "container", to: OWN, port: 15006, expected: "outbound" },
      { client: "container", to: OWN_ON_BRIDGE, expected: "inbound" },
      { client: "late", to: REMOTE, expected: "outbound" },
      { client: "late", to: OWN, expected: "outbound" },
      { client: "remote", to: OWN, expected: "inbound" },
      { client: "remote", to: OWN_ON_BRIDGE, expected: "inbound" },
      { client: "remote", to: OWN, port: 15001, expected: "inbound" },
      { client: "remote", to: OWN, port: 15006, expected: "inbound" },
      { client: "app", to: REMOTE, expected: "outbound" },
      { client: "app", to: OWN_ON_BRIDGE, expected: "untouched" },
      // NAT leaves no mark: by that interface it may be one that was redirected.
      { client: "container", to: OWN_ON_BRIDGE, port: 15001, expected: "outbound", iptables: "inbound" },
    ],
  },
  {
    title: "several networks on one interface",
    networks: ["br1:10.66.1.0/24,br1:10.66.0.2/32", "br1:fd66:1::/64", "br1:fd66::2/128"],
    rows: [
      { client: "container", to: REMOTE, expected: "untouched", iptables: "inbound" },
      { client: "container", to: OWN, expected: "outbound" },
      { client: "container", to: OWN_ON_BRIDGE, expected: "inbound" },
      { client: "remote", to: OWN, expected: "inbound" },
      { client: "late", to: REMOTE, expected: "untouched", iptables: "inbound" },
      { client: "late", to: OWN, expected: "inbound" },
      { client: "late", to: OWN, port: 15001, expected: "outbound", iptables: "inbound" },
    ],
  },
  {
    title: "of one family alone",
    networks: ["br1:10.66.1.0/24"],
    rows: [
      { client: "container", to: { v4: "10.66.0.2", v6: "" }, expected: "outbound" },
      { client: "container", to: { v4: "", v6: "fd66::2" }, expected: "untouched", iptables: "inbound" },
      { client: "container", to: { v4: "", v6: "fd66::1" }, expected: "inbound" },
    ],
  },
  {
    title: "with inbound traffic left alone",
    networks: ["--redirect-inbound=false", ...BRIDGES],
    rows: [
      { client: "container", to: REMOTE, expected: "outbound" },
      { client: "container", to: OWN_ON_BRIDGE, expected: "untouched" },
      { client: "remote", to: OWN, expected: "untouched" },
    ],
  },
];

const TC_ON_BRIDGE = { ...TC, way: "tc on the bridge", flags: ["--ebpf-tc-attach-iface", "br1"] };
const WAYS: readonly Way[] = [...EBPF_WAYS, TC_ON_BRIDGE, ...IPTABLES_WAYS];

const CLIENTS = ["container", "late", "remote"] as const;
const DEVICES = { container: "br1", late: "br2", remote: "eth0" } as const;

/** Where an interface is named, inbound connections are intercepted by that one alone. */
function expectedOf({ client, expected, iptables }: Row, way: Way): Outcome {
  const wanted = way.engine === "iptables" ? (iptables ?? expected) : expected;
  const only = way.engine === "ebpf" ? way.flags[1] : undefined;
  if (wanted !== "inbound" || client === "app" || only === undefined || DEVICES[client] === only)
    return wanted;
  return "untouched";
}

describe.each(WAYS)("$way", (way) => {
  describe.each(SETS)("$title", ({ networks, rows }) => {
    let world: World;
    beforeAll(async () => {
      world = await startNetworkWorld();
      const flags = networks.map((each) => (each.startsWith("--") ? each : `--vnet=${each}`));
      await world.install(...way.flags, ...flags);
      await world.addHost("late", "br2", 2);
    });
    afterAll(() => world[Symbol.asyncDispose]());

    const cases = rows.flatMap((row) =>
      [row.to.v4, row.to.v6]
        .filter((address) => address !== "")
        .map((address) => {
          const to = endpoint(address, row.port ?? SERVED_PORT);
          return { client: row.client, to, expected: expectedOf(row, way), port: row.port ?? SERVED_PORT };
        }),
    );
    test.each(cases)("$client → $to: $expected", async ({ client, to, expected, port }) => {
      const options = client === "app" ? {} : ({ host: client, cgroup: false } as const);
      const listener = { outbound: 15001, inbound: 15006, untouched: port }[expected];
      const original = expected === "untouched" ? null : to;
      // Conntrack is at work with every engine.
      const seen = outcome(await world.connect(to, options), { engine: "iptables" });
      expect(seen).toEqual({ error: "", peer: to, listener, original: isProxy(listener) ? to : original });
    });

    if (!networks.includes(BRIDGES[0] ?? "")) return;
    const queries = ["10.66.0.2", "10.66.0.1", "fd66::2", "fd66::1"].flatMap((server) =>
      // The remote host has the name servers that end with 2 itself.
      CLIENTS.filter((client) => client !== "remote" || server.endsWith("1")).map((client) => ({
        server,
        client,
      })),
    );
    test.each(queries)("DNS, $client → $server", async ({ server, client }) => {
      const args = [TPNET, "dns-ask", "--servers", server, "--unconnected"];
      const { stdout } = await world.run(args, { host: client, cgroup: false, uid: APP_UID });
      const answers: Answers = JSON.parse(stdout);
      expect(answers).toMatchObject({ error: "", strangers: 0, answered: answers.asked });
      const ports = answers.listeners.map((at) => /\d+$/.exec(at)?.[0]);
      expect(ports).toEqual([client === "remote" ? "53" : "15053"]);
    });

    if (way === TC_ON_BRIDGE)
      test("what the rules redirect, tc leaves to them", async () => {
        const before = await world.counter("inboundSynTc");
        for (const address of Object.values(OWN))
          await world.connect(endpoint(address, SERVED_PORT), { host: "container", cgroup: false });
        expect(await world.counter("inboundSynTc")).toBe(before);
      });

    test("all of it is there, as one installation", async () => {
      const { exitCode, status } = await world.status();
      const findings = status.findings as readonly { readonly code: string; readonly degrades: boolean }[];
      const codes = new Set(findings.filter(({ degrades }) => degrades).map(({ code }) => code));
      // The interface that came late brought addresses, which programs do not know for this host's own. Rules do.
      const expected = way.engine === "ebpf" ? ["address-added"] : [];
      expect({ engine: status.engine, codes: [...codes] }).toEqual({ engine: way.engine, codes: expected });
      expect(exitCode).toBe(expected.length === 0 ? 0 : 2);
    });
  });
});

/** To a proxy's port that is untouched: conntrack says where it was going. */
function isProxy(listener: number): boolean {
  return listener === 15001 || listener === 15006;
}
