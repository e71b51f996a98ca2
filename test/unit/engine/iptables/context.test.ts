import { describe, expect, test } from "vitest";
import type { Config } from "../../../../src/config/config.ts";
import { resolveConfig } from "../../../../src/config/resolve-config.ts";
import { contextOf, noteDocker } from "../../../../src/engine/iptables/context.ts";
import { parseSaved } from "../../../../src/engine/iptables/parse-saved.ts";
import { samplePlan } from "../../../support/plan-samples.ts";

const DOCKER = parseSaved("*nat\n:OUTPUT ACCEPT [0:0]\n:DOCKER_OUTPUT - [0:0]\nCOMMIT\n");
const PLAIN = parseSaved("*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n");

function configWith(skipConntrackZoneSplit: boolean): Config {
  const { config } = resolveConfig([]);
  const { redirect } = config;
  return { ...config, redirect: { ...redirect, dns: { ...redirect.dns, skipConntrackZoneSplit } } };
}

describe("DNS traffic is split into zones", () => {
  test.each([
    ["all of it", "all", {}, true],
    ["that to the name servers", "servers", {}, true],
    ["all of it, and nobody could look at the rules", "all", { snapshot: undefined }, true],
    ["that to the name servers in a Docker network", "servers", { snapshot: DOCKER }, true],
    ["but not all of it in a Docker network", "all", { snapshot: DOCKER }, false],
    ["but not where none is redirected", "none", {}, false],
    ["but not where that is not wanted", "all", { skip: true }, false],
    ["but not where the host cannot", "all", { zones: false }, false],
  ] as const)("%s", (_title, dns, circumstances, splitZones) => {
    const { snapshot, skip, zones } = { snapshot: PLAIN, skip: false, zones: true, ...circumstances };
    const [plan, config] = [samplePlan({ dns }), configWith(skip)];
    const isDocker = snapshot === DOCKER;
    expect(contextOf(plan, config, { zones }, snapshot)).toEqual({
      splitZones,
      dockerOutput: isDocker,
      insertInbound: false,
      insertOutbound: false,
    });
    if (snapshot !== undefined)
      expect(noteDocker(plan, config, snapshot)).toHaveLength(isDocker && !splitZones ? 1 : 0);
  });
});
