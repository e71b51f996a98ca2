import { describe, expect, test } from "vitest";
import type { Check } from "../../../../src/commands/verify/check.ts";
import { makeChecks } from "../../../../src/commands/verify/make-checks.ts";
import type { Situation } from "../../../../src/commands/verify/situation.ts";
import { formatAddress } from "../../../../src/core/address.ts";
import { address, prefix, samplePlan, type Wanted } from "../../../support/plan-samples.ts";

const ANYBODY = { uid: 0, any: true } as const;
const PROXY = { uid: 5678, any: false } as const;
const APPLICATION = { uid: 1000, any: false } as const;

function situation(
  wanted: Wanted,
  identities: Situation["identities"],
  families: (4 | 6)[] = [4, 6],
): Situation {
  const destinations = ["192.0.2.1", "10.0.0.129", "2001:db8::1"].map((text) => ({
    address: address(text),
    routed: true,
  }));
  return {
    plan: { ...samplePlan(wanted), addresses: [{ prefix: prefix("::6"), kind: "local", instance: true }] },
    surroundings: { destinations, families: new Set(families) },
    identities,
    ownPort: 23456,
  };
}

function describeChecks(wanted: Wanted, identities: Situation["identities"], families?: (4 | 6)[]) {
  const { checks, untried } = makeChecks(situation(wanted, identities, families));
  return {
    checks: checks.map(line),
    untried: untried.map(
      ({ name, family, why }) => `${name}${family === undefined ? "" : ` ${family}`}: ${why}`,
    ),
  };
}

function line({ name, uid, from, to, port, expected }: Check): string {
  const source = from === undefined ? "" : ` from ${formatAddress(from)}`;
  return `${name}: ${uid}${source} to ${formatAddress(to)} ${port ?? "here"}: ${expected}`;
}

const ONLY_V4 = [4] as (4 | 6)[];
const OUTSIDE = "inbound: a connection from another host cannot be made from here";
const LEFT_ALONE = [
  "localhost: 65534 to 127.0.0.1 here: untouched",
  "proxy-localhost: 5678 to 127.0.0.1 here: untouched",
  "passthrough: 5678 from 127.0.0.6 to 127.0.0.6 here: untouched",
  "proxy-elsewhere: 5678 to 192.0.2.1 80: untouched",
];

describe("as root", () => {
  test("everything", () => {
    expect(describeChecks({}, ANYBODY, ONLY_V4)).toEqual({
      checks: [
        "outbound: 65534 to 192.0.2.1 80: outbound",
        "own-application: 5678 from 127.0.0.1 to 127.0.0.6 23456: inbound",
        ...LEFT_ALONE,
      ],
      untried: ["outbound 6: this host has no IPv6 address besides those of its loopback interface", OUTSIDE],
    });
  });

  test("IPv6 as IPv4", () => {
    const { checks } = describeChecks({}, ANYBODY);
    expect(checks.slice(6)).toEqual([
      "outbound: 65534 to 2001:db8::1 80: outbound",
      "own-application: 5678 from ::1 to ::6 23456: inbound",
      "localhost: 65534 to ::1 here: untouched",
      "proxy-localhost: 5678 to ::1 here: untouched",
      "passthrough: 5678 from ::6 to ::6 here: untouched",
      "proxy-elsewhere: 5678 to 2001:db8::1 80: untouched",
    ]);
  });

  test.each<[string, Wanted, string]>([
    ["a port", { outbound: { exclude: [80] } }, "outbound: 65534 to 192.0.2.1 443: outbound"],
    [
      "a network",
      { outbound: { addresses: ["192.0.2.0/24"] } },
      "outbound: 65534 to 10.0.0.129 80: outbound",
    ],
    ["a user", { users: ["tcp:1-65535:65534"] }, "outbound: 1000 to 192.0.2.1 80: outbound"],
    ["most users", { users: ["tcp:1-65535:0-70000"] }, "outbound: 70001 to 192.0.2.1 80: outbound"],
  ])("what is excluded is not tried: %s", (_title, wanted, expected) => {
    expect(describeChecks(wanted, ANYBODY, ONLY_V4).checks[0]).toBe(expected);
  });

  test.each<[string, Wanted, string]>([
    [
      "all",
      { outbound: { addresses: ["0.0.0.0/0"] } },
      "outbound 4: no destination was found that is not excluded",
    ],
    ["outbound", { outbound: { redirect: false } }, "outbound 4: outbound connections are not intercepted"],
    [
      "outbound, and what the proxy does with it",
      { outbound: { redirect: false } },
      "own-application 4: without outbound interception the proxy's own connections are left alone",
    ],
    [
      "inbound",
      { inbound: { redirect: false } },
      "own-application 4: inbound connections are not intercepted",
    ],
  ])("what is switched off: %s", (_title, wanted, why) => {
    expect(describeChecks(wanted, ANYBODY, ONLY_V4).untried).toContain(why);
  });
});

describe("DNS", () => {
  test("to a name server, by both kinds of sockets", () => {
    const { checks } = describeChecks({ dns: "servers", servers: ["10.0.0.53"] }, ANYBODY, ONLY_V4);
    expect(checks.filter((check) => check.startsWith("dns"))).toEqual([
      "dns: 65534 to 10.0.0.53 53: dns",
      "dns-unconnected: 65534 to 10.0.0.53 53: dns",
    ]);
  });
  test("all of it: where no server is", () => {
    const { checks } = describeChecks({ dns: "all" }, ANYBODY, ONLY_V4);
    expect(checks).toContain("dns: 65534 to 192.0.2.1 53: dns");
  });
  test("an excluded server", () => {
    const wanted = {
      dns: "servers",
      servers: ["10.0.0.53"],
      outbound: { addresses: ["10.0.0.53"] },
    } as const;
    expect(describeChecks(wanted, ANYBODY, ONLY_V4).untried).toContain(
      "dns 4: no name server was found that is not excluded",
    );
  });
  test("no server of the family, no check", () => {
    const { checks, untried } = describeChecks({ dns: "servers", servers: ["10.0.0.53"] }, ANYBODY);
    expect([...checks, ...untried].filter((each) => each.startsWith("dns"))).toHaveLength(2);
  });
});

test("as the proxy", () => {
  expect(describeChecks({ dns: "all" }, PROXY, ONLY_V4)).toMatchObject({
    checks: ["own-application: 5678 from 127.0.0.1 to 127.0.0.6 23456: inbound", ...LEFT_ALONE.slice(1)],
    untried: [
      expect.stringMatching(/^outbound 4: only root/),
      expect.stringMatching(/^dns 4: only root/),
      expect.stringMatching(/^outbound 6/),
      OUTSIDE,
    ],
  });
});

test("as an application", () => {
  expect(describeChecks({}, APPLICATION, ONLY_V4)).toMatchObject({
    checks: ["outbound: 1000 to 192.0.2.1 80: outbound", "localhost: 1000 to 127.0.0.1 here: untouched"],
    untried: [
      expect.stringMatching(/^own-application 4: only root \(with CAP_SETUID\), or user 5678 itself/),
      expect.stringMatching(/^outbound 6/),
      OUTSIDE,
    ],
  });
});
