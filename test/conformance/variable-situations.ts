// What no flag says, only files and the environment do: included ports, and outbound connections left alone.

import { type OptionSet, type Row, variableSet } from "./situation.ts";
import { OTHER_LOOPBACK, OWN, REMOTE, SERVED_PORTS } from "./situation-places.ts";

const INCLUDED = [80, 65535];

/** The included ports and all others, as seen by one kind of client. */
function only(client: Row["client"], to: Row["to"], included: "outbound" | "inbound"): Row[] {
  return SERVED_PORTS.map((port) => ({
    name: `${client} → port ${port}`,
    client,
    to,
    port,
    expected: INCLUDED.includes(port) ? included : "untouched",
  }));
}

export const VARIABLE_SETS: readonly OptionSet[] = [
  variableSet({ REDIRECT_OUTBOUND_ENABLED: "false" }, [
    { name: "app → remote", client: "app", to: REMOTE, expected: "untouched" },
    { name: "app → own address", client: "app", to: OWN, expected: "untouched" },
    // kumactl has all of it in one chain.
    { name: "proxy → own address", client: "proxy", to: OWN, expected: "untouched" },
    { name: "remote → local", client: "remote", to: OWN, expected: "inbound" },
  ]),
  variableSet({ REDIRECT_OUTBOUND_INCLUDE_PORTS: INCLUDED.join(",") }, [
    ...only("app", REMOTE, "outbound"),
    // Ports that are included say nothing of what the proxy sends to its own host.
    { name: "proxy → own address, not included", client: "proxy", to: OWN, port: 81, expected: "inbound" },
    {
      name: "proxy → 127.0.0.2, included",
      client: "proxy",
      to: OTHER_LOOPBACK,
      port: 80,
      expected: "inbound",
    },
    { name: "remote → local is not outbound", client: "remote", to: OWN, port: 81, expected: "inbound" },
  ]),
  variableSet({ REDIRECT_INBOUND_INCLUDE_PORTS: INCLUDED.join(",") }, [
    ...only("remote", OWN, "inbound"),
    { name: "app → remote is not inbound", client: "app", to: REMOTE, port: 81, expected: "outbound" },
    { name: "proxy → own address, not included", client: "proxy", to: OWN, port: 81, expected: "inbound" },
  ]),
  variableSet(
    { REDIRECT_OUTBOUND_INCLUDE_PORTS: INCLUDED.join(","), REDIRECT_OUTBOUND_EXCLUDE_PORTS: "80,81" },
    [
      ...only("app", REMOTE, "outbound"),
      { name: "proxy → own address, excluded", client: "proxy", to: OWN, port: 81, expected: "inbound" },
    ],
  ),
];
