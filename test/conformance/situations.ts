// The TCP part of the table in the design, as data: who connects where, and what must become of it. It says nothing
// of how that is done: every engine has to do the same.

import { EXCLUSION_SETS } from "./exclusion-situations.ts";
import { type OptionSet, optionSet, type Place, type Row, type SocketKind } from "./situation.ts";
import { LOCALHOST, OTHER_LOOPBACK, OWN, REMOTE, SERVED_PORTS } from "./situation-places.ts";
import { VARIABLE_SETS } from "./variable-situations.ts";

const ANY: Place = { v4: "0.0.0.0", v6: "::" };
const PASSTHROUGH: Place = { v4: "127.0.0.6", v6: "::6" };
const MULTICAST: Place = { v4: "224.0.0.1", v6: "ff02::1" };
const BROADCAST: Place = { v4: "10.66.0.255" };
const LIMITED_BROADCAST: Place = { v4: "255.255.255.255" };

const BASICS: readonly Row[] = [
  { name: "app → remote", client: "app", to: REMOTE, expected: "outbound" },
  { name: "app → own address", client: "app", to: OWN, expected: "untouched" },
  { name: "app → localhost", client: "app", to: LOCALHOST, expected: "untouched" },
  { name: "app → 127.0.0.2", client: "app", to: OTHER_LOOPBACK, expected: "untouched" },
  { name: "app → unspecified address", client: "app", to: ANY, peer: LOCALHOST, expected: "untouched" },
  { name: "proxy → remote", client: "proxy", to: REMOTE, expected: "untouched" },
  { name: "proxy → localhost", client: "proxy", to: LOCALHOST, expected: "untouched" },
  { name: "proxy → unspecified address", client: "proxy", to: ANY, peer: LOCALHOST, expected: "untouched" },
  { name: "proxy → own address", client: "proxy", to: OWN, expected: "inbound" },
  { name: "proxy → 127.0.0.2", client: "proxy", to: OTHER_LOOPBACK, expected: "inbound" },
  { name: "passthrough → own", client: "proxy", from: PASSTHROUGH, to: OWN, expected: "untouched" },
  {
    name: "passthrough → localhost",
    client: "proxy",
    from: PASSTHROUGH,
    to: LOCALHOST,
    expected: "untouched",
  },
  {
    name: "passthrough → 127.0.0.2",
    client: "proxy",
    from: PASSTHROUGH,
    to: OTHER_LOOPBACK,
    expected: "untouched",
  },
  { name: "remote → local", client: "remote", to: OWN, expected: "inbound" },
];

const DEFAULT_ROWS: readonly Row[] = [
  ...BASICS,
  {
    name: "app → remote, port without listener",
    client: "app",
    to: REMOTE,
    port: 9999,
    expected: "outbound",
  },
  {
    name: "remote → local, port without listener",
    client: "remote",
    to: OWN,
    port: 9999,
    expected: "inbound",
  },
  // From ::6 by itself: of all of the host's addresses the kernel takes the one that is asked for.
  {
    name: "proxy, not bound → passthrough",
    client: "proxy",
    to: { v6: "::6" },
    port: 8080,
    expected: "untouched",
  },
  { name: "remote → the proxy's inbound port", client: "remote", to: OWN, port: 15006, expected: "inbound" },
  { name: "remote → the proxy's outbound port", client: "remote", to: OWN, port: 15001, expected: "inbound" },
  { name: "app → remote, port 1", client: "app", to: REMOTE, port: 1, expected: "outbound" },
  { name: "app → remote, port 65535", client: "app", to: REMOTE, port: 65535, expected: "outbound" },
  { name: "remote → local, port 1", client: "remote", to: OWN, port: 1, expected: "inbound" },
  { name: "remote → local, port 65535", client: "remote", to: OWN, port: 65535, expected: "inbound" },
  { name: "app, bound to own address → remote", client: "app", from: OWN, to: REMOTE, expected: "outbound" },
  { name: "app, bound to own address → own", client: "app", from: OWN, to: OWN, expected: "untouched" },
  {
    name: "app, bound, → unspecified",
    client: "app",
    from: OWN,
    to: ANY,
    peer: OWN,
    expected: "untouched",
    sockets: ["v4"],
  },
  { name: "proxy, bound to own address → own", client: "proxy", from: OWN, to: OWN, expected: "inbound" },
  {
    name: "app, nonblocking → remote",
    client: "app",
    to: REMOTE,
    options: ["--nonblock"],
    expected: "outbound",
  },
  { name: "app, nonblocking → own", client: "app", to: OWN, options: ["--nonblock"], expected: "untouched" },
  {
    name: "app, TCP fast open → remote",
    client: "app",
    to: REMOTE,
    options: ["--fastopen"],
    expected: "outbound",
  },
  {
    name: "app, TCP fast open → own",
    client: "app",
    to: OWN,
    options: ["--fastopen"],
    expected: "untouched",
  },
  {
    name: "remote, TCP fast open → local",
    client: "remote",
    to: OWN,
    options: ["--fastopen"],
    expected: "inbound",
  },
  { name: "remote, MPTCP → local", client: "remote", to: OWN, options: ["--mptcp"], expected: "inbound" },
  ...[MULTICAST, BROADCAST, LIMITED_BROADCAST].map((to) => ({
    name: `app → ${to.v4}`,
    client: "app" as const,
    to,
    expected: "refused" as const,
    error: "ENETUNREACH",
  })),
];

const EXCLUDED = [1, 80, 8080, 65535];

/** The excluded ports and their neighbours, as seen by one kind of client. */
function around(client: Row["client"], to: Place, otherwise: "outbound" | "inbound"): Row[] {
  return SERVED_PORTS.map((port) => ({
    name: `${client} → port ${port}`,
    client,
    to,
    port,
    expected: EXCLUDED.includes(port) ? "untouched" : otherwise,
  }));
}

const WITHOUT_IPV6: readonly SocketKind[] = ["v4", "mapped"];

export const OPTION_SETS: readonly OptionSet[] = [
  optionSet("by default", [], DEFAULT_ROWS),
  optionSet(
    "--exclude-outbound-ports",
    ["--exclude-outbound-ports", EXCLUDED.join(",")],
    [
      ...around("app", REMOTE, "outbound"),
      // An outbound exclusion covers what the proxy sends to its own host, too.
      ...around("proxy", OWN, "inbound"),
      { name: "remote → local is not outbound", client: "remote", to: OWN, expected: "inbound" },
    ],
  ),
  optionSet(
    "--exclude-inbound-ports",
    ["--exclude-inbound-ports", EXCLUDED.join(",")],
    [
      ...around("remote", OWN, "inbound"),
      { name: "app → remote is not inbound", client: "app", to: REMOTE, expected: "outbound" },
      // It does not arrive from elsewhere: the outbound exclusions count.
      { name: "proxy → own, excluded inbound", client: "proxy", to: OWN, expected: "inbound" },
    ],
  ),
  optionSet(
    "--redirect-inbound=false",
    ["--redirect-inbound=false"],
    [
      { name: "remote → local", client: "remote", to: OWN, expected: "untouched" },
      { name: "proxy → own address", client: "proxy", to: OWN, expected: "untouched" },
      { name: "proxy → 127.0.0.2", client: "proxy", to: OTHER_LOOPBACK, expected: "untouched" },
      { name: "app → own address", client: "app", to: OWN, expected: "untouched" },
      { name: "app → remote", client: "app", to: REMOTE, expected: "outbound" },
    ],
  ),
  optionSet(
    "--ip-family-mode ipv4",
    ["--ip-family-mode", "ipv4"],
    [
      ...BASICS.map((row) => ({ ...row, sockets: WITHOUT_IPV6 })),
      ...BASICS.filter(({ from }) => from !== PASSTHROUGH).map((row) => ({
        ...row,
        expected: "untouched" as const,
        sockets: ["v6" as const],
      })),
    ],
  ),
  optionSet(
    "other redirect ports",
    ["--redirect-outbound-port", "25001", "--redirect-inbound-port", "25006"],
    [
      ...BASICS,
      {
        name: "remote → the usual inbound port",
        client: "remote",
        to: OWN,
        port: 15006,
        expected: "inbound",
      },
    ],
    { outbound: 25001, inbound: 25006 },
  ),
  ...EXCLUSION_SETS,
  ...VARIABLE_SETS,
];
