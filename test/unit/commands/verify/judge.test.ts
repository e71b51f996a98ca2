import { describe, expect, test } from "vitest";
import type { Answered, Arrival, Check } from "../../../../src/commands/verify/check.ts";
import { directionOf, judge, whyInVain } from "../../../../src/commands/verify/judge.ts";
import { judgeAnswer, type NatTarget } from "../../../../src/commands/verify/judge-answer.ts";
import type { PortHolder } from "../../../../src/commands/verify/stand-in.ts";
import { address, samplePlan } from "../../../support/plan-samples.ts";

const PLAN = samplePlan({ dns: "servers", servers: ["10.0.0.53"] });

const OUTBOUND: Check = {
  name: "outbound",
  family: 4,
  actor: "application",
  uid: 1000,
  from: undefined,
  to: address("192.0.2.1"),
  port: 80,
  listens: false,
  protocol: "tcp",
  expected: "outbound",
};
const LOCALHOST: Check = {
  ...OUTBOUND,
  name: "localhost",
  port: undefined,
  listens: true,
  expected: "untouched",
};
const ELSEWHERE: Check = { ...OUTBOUND, name: "proxy-elsewhere", actor: "proxy", expected: "untouched" };

function at(text: string, port: number) {
  return { address: address(text), port };
}

const CONNECTED: Arrival = {
  state: "connected",
  client: at("10.0.0.1", 40000),
  otherEnd: undefined,
  reachedTarget: false,
  code: undefined,
};
const failedWith = (code: string): Arrival => ({ ...CONNECTED, state: "failed", client: undefined, code });
const arrivedAt = (text: string, port: number): Arrival => ({ ...CONNECTED, otherEnd: at(text, port) });

function holder(who: PortHolder["holder"]): PortHolder {
  return {
    protocol: "tcp",
    port: 15001,
    family: 4,
    holder: who,
    code: who === "nobody" ? "EACCES" : undefined,
  };
}

type Case = [string, Check, Arrival, PortHolder["holder"], string | undefined, string, RegExp];

describe("a connection", () => {
  test.each<Case>([
    [
      "to us",
      OUTBOUND,
      arrivedAt("127.0.0.1", 15001),
      "us",
      "192.0.2.1",
      "proof",
      /outbound port .* as one to 192/,
    ],
    [
      "to the proxy",
      OUTBOUND,
      arrivedAt("127.0.0.1", 15001),
      "proxy",
      undefined,
      "proof",
      /the proxy listens/,
    ],
    ["spread in IPv6", OUTBOUND, arrivedAt("::1", 0xf123), "proxy", undefined, "proof", /\[::1\]:61731/],
    [
      "the other way",
      OUTBOUND,
      arrivedAt("127.0.0.1", 15006),
      "us",
      "192.0.2.1",
      "failed",
      /arrived at .*:15006/,
    ],
    [
      "without its destination",
      OUTBOUND,
      arrivedAt("127.0.0.1", 15001),
      "us",
      undefined,
      "failed",
      /not with its/,
    ],
    [
      "with another one",
      OUTBOUND,
      arrivedAt("127.0.0.1", 15001),
      "us",
      "192.0.2.9",
      "failed",
      /as a connection to/,
    ],
    [
      "to another socket here",
      OUTBOUND,
      arrivedAt("127.0.0.1", 80),
      "us",
      undefined,
      "failed",
      /127\.0\.0\.1:80/,
    ],
    ["refused", OUTBOUND, failedWith("ECONNREFUSED"), "us", undefined, "failed", /it was refused/],
    ["forbidden", OUTBOUND, failedWith("EPERM"), "us", undefined, "failed", /EPERM/],
    [
      "out of here",
      OUTBOUND,
      { ...CONNECTED, state: "pending" },
      "us",
      undefined,
      "failed",
      /out of this host/,
    ],
    ["to another host", OUTBOUND, CONNECTED, "proxy", undefined, "failed", /connected to another host/],
    [
      "too quick",
      OUTBOUND,
      { ...CONNECTED, state: "closed" },
      "proxy",
      undefined,
      "failed",
      /before it could be/,
    ],
    ["no route", OUTBOUND, failedWith("ENETUNREACH"), "us", undefined, "not-tried", /no route/],
    ["nobody may listen", OUTBOUND, failedWith("ECONNREFUSED"), "nobody", undefined, "not-tried", /EACCES/],
    [
      "left alone",
      LOCALHOST,
      { ...arrivedAt("127.0.0.1", 45678), reachedTarget: true },
      "us",
      undefined,
      "ok",
      /arriv/,
    ],
    ["not left alone", LOCALHOST, arrivedAt("127.0.0.1", 15001), "us", undefined, "failed", /outbound port/],
    ["nowhere", LOCALHOST, failedWith("EADDRNOTAVAIL"), "us", undefined, "failed", /EADDRNOTAVAIL/],
    ["to elsewhere", ELSEWHERE, { ...CONNECTED, state: "pending" }, "us", undefined, "ok", /left alone/],
    ["to elsewhere, refused", ELSEWHERE, failedWith("ENETUNREACH"), "us", undefined, "ok", /ENETUNREACH/],
    ["a loop", ELSEWHERE, arrivedAt("127.0.0.1", 15001), "proxy", undefined, "failed", /outbound port/],
    [
      "unseen",
      ELSEWHERE,
      { ...CONNECTED, state: "closed" },
      "us",
      undefined,
      "not-tried",
      /before it could be/,
    ],
  ])("%s", (_title, check, arrival, who, original, verdict, words) => {
    const destination = original === undefined ? undefined : at(original, 80);
    const result = judge(check, { plan: PLAN, arrival, original: destination, holder: holder(who) });
    expect(result.found).toMatch(words);
    expect(result).toMatchObject({ state: verdict === "proof" ? "ok" : verdict, proof: verdict === "proof" });
    expect(result.remedy === undefined).toBe(verdict !== "failed");
  });
});

test.each([
  ["127.0.0.1", 15001, "outbound"],
  ["10.0.0.1", 15006, "inbound"],
  ["::1", 0xf000, "outbound"],
  ["::1", 0xf800, "inbound"],
  ["::2", 0xf800, undefined],
  ["127.0.0.1", 0xf800, undefined],
  ["::1", 0xe800, undefined],
] as const)("%s:%i is %s", (text, port, direction) => {
  expect(directionOf(at(text, port), PLAN)).toBe(direction);
});

test("where nobody may listen in the proxy's place, connections that it would get are not made", () => {
  expect(whyInVain(holder("bypassed"))).toMatch(/^nobody listens.*--when-proxy-down=bypass/);
  expect([holder("us"), holder("proxy"), holder("nobody"), undefined].map(whyInVain)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

const DNS: Check = {
  ...OUTBOUND,
  name: "dns",
  to: address("10.0.0.53"),
  port: 53,
  protocol: "udp-connected",
  expected: "dns",
};
const SILENCE: Answered = {
  answeredBy: undefined,
  marked: false,
  client: undefined,
  kernelPeer: undefined,
  code: undefined,
};
const ANSWER: Answered = { ...SILENCE, answeredBy: at("10.0.0.53", 53) };

describe("an answer", () => {
  test.each<[string, Answered, PortHolder["holder"] | undefined, "servers" | "all", string, RegExp]>([
    ["ours", { ...ANSWER, marked: true }, "us", "servers", "proof", /the server that was asked/],
    ["the server's own", ANSWER, "us", "servers", "failed", /by the name server itself/],
    [
      "from the wrong place",
      { ...ANSWER, answeredBy: at("127.0.0.1", 15053) },
      "us",
      "all",
      "failed",
      /15053/,
    ],
    ["none", SILENCE, "us", "servers", "failed", /no answer came/],
    [
      "the proxy's, by its socket",
      { ...ANSWER, kernelPeer: at("127.0.0.1", 15053) },
      "proxy",
      "servers",
      "proof",
      /goes/,
    ],
    [
      "the proxy is silent",
      { ...SILENCE, kernelPeer: at("127.0.0.1", 15053) },
      "proxy",
      "servers",
      "proof",
      /did not/,
    ],
    ["whose, nobody knows", ANSWER, "proxy", "servers", "not-tried", /cannot be told apart/],
    ["where no server is", ANSWER, "proxy", "all", "not-tried", /cannot be told apart/],
    ["where no server is, and nobody listens", ANSWER, undefined, "all", "not-tried", /cannot be told/],
    ["none, of a proxy", SILENCE, "proxy", "all", "failed", /no answer came/],
    ["none, and nobody there", SILENCE, undefined, "all", "not-tried", /does not run, perhaps/],
    ["no route", { ...SILENCE, code: "ENETUNREACH" }, "us", "all", "not-tried", /no route/],
  ])("%s", (_title, answered, who, redirect, verdict, words) => {
    const plan = { ...PLAN, dns: { ...PLAN.dns, redirect } };
    const seen = { plan, answered, natTarget: "unknown", isSilent: false } as const;
    const result = judgeAnswer(DNS, { ...seen, holder: who === undefined ? undefined : holder(who) });
    expect(result.found).toMatch(words);
    expect(result).toMatchObject({ state: verdict === "proof" ? "ok" : verdict, proof: verdict === "proof" });
  });

  test.each<[string, NatTarget, number | undefined, "failed" | "not-tried"]>([
    ["it is not redirected", "none", 53, "failed"],
    ["it is tracked, and not redirected", at("10.0.0.53", 53), 53, "failed"],
    ["it goes elsewhere", at("127.0.0.11", 40000), 53, "not-tried"],
    ["conntrack cannot be asked", "unknown", 53, "not-tried"],
    ["the socket says nothing", "none", undefined, "not-tried"],
  ])("somebody on the way could have answered: %s", (_title, natTarget, port, state) => {
    const kernelPeer = port === undefined ? undefined : at("10.0.0.53", port);
    for (const redirect of ["servers", "all"] as const) {
      const plan = { ...PLAN, dns: { ...PLAN.dns, redirect } };
      const seen = { plan, answered: { ...ANSWER, kernelPeer }, natTarget, holder: holder("proxy") };
      expect(judgeAnswer(DNS, { ...seen, isSilent: false })).toMatchObject({ state, proof: false });
    }
  });

  test("conntrack's word counts, and silence twice is the proxy's own", () => {
    const seen = { plan: PLAN, answered: SILENCE, holder: holder("proxy"), isSilent: true };
    expect(judgeAnswer(DNS, { ...seen, natTarget: at("127.0.0.1", 15053) })).toMatchObject({ proof: true });
    expect(judgeAnswer(DNS, { ...seen, natTarget: "none" })).toMatchObject({ state: "not-tried" });
  });
});
