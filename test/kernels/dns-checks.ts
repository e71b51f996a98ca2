// DNS: some of the conformance suite's situations, by all kinds of sockets and both manners of asking.

import { deepEqual } from "node:assert/strict";
import { type DnsSet, situationsOf } from "../conformance/dns-situation.ts";
import { DNS_SETS } from "../conformance/dns-situations.ts";
import { outcome, tryOut, wanted } from "../conformance/try-dns.ts";
import type { Check } from "./check.ts";
import type { Column } from "./columns.ts";

/** Where queries go to the DNS proxy and where they do not. */
const ALL = "--redirect-all-dns-traffic";
/** Of that set, those that differ in the hooks that they come to: from sockets that ask one server and several, and bound. */
const ROWS = ["app → a name server", "app → two", "app, bound → two", "proxy → two", "app → other port"];

export function dnsChecks(column: Column): readonly Check[] {
  const set = DNS_SETS.find(({ title }) => title === ALL);
  if (set === undefined) throw new Error(`there is no set ${ALL} of DNS situations`);
  const rows = set.rows.filter(({ name }) => ROWS.includes(name));
  return [tried({ ...set, rows }, column)];
}

function tried(set: DnsSet, column: Column): Check {
  return {
    name: `DNS, ${set.title}`,
    column,
    run: async (guest) => {
      const { world, flags } = guest;
      const situations = situationsOf(set);
      await world.install(...flags, ...set.flags);
      for (const situation of situations) {
        const { name, kind, manner } = situation;
        const found = outcome(await tryOut(world, situation));
        deepEqual(found, wanted(situation, set.port), `${name} (${kind}, ${manner})`);
      }
      await world.uninstall();
      return `${situations.length} situations`;
    },
  };
}
