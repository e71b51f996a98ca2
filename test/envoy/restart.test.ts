// The proxy comes and goes; tproxyctl is not touched.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TCP_PORT } from "./ports.ts";
import type { Answered } from "./programs/client.ts";
import { PROXIES, type ProxyKind, RunningProxy } from "./proxies.ts";
import { hostOf, proxyAddressOf, ROUTES, type Route, Scene, targetOf } from "./scene.ts";

const WAYS = [
  { way: "sk_lookup", flags: [] },
  { way: "tc", flags: ["--ebpf-tc-attach-iface", "eth0"] },
] as const;

const CASES = Object.values(PROXIES).flatMap((kind) =>
  WAYS.map((way) => ({ kind, name: kind.name, ...way })),
);

/** What a client may be told while there is no proxy, or while the one that it reached ends. */
const REFUSALS = ["ECONNREFUSED", "ECONNRESET"];

describe.each(CASES)("$name, inbound by $way", ({ kind, flags }) => {
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.create();
  });
  afterEach(() => scene?.[Symbol.asyncDispose]());

  test("carries traffic when it is started after the install", async () => {
    await scene.world.install(...flags);
    await expectTraffic(scene, await RunningProxy.listening(kind, scene.world));
  });

  test("carries traffic when it is started before the install", async () => {
    const proxy = await RunningProxy.listening(kind, scene.world);
    await scene.world.install(...flags);
    await expectTraffic(scene, proxy);
  });

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "carries traffic again after %s and a new start",
    async (signal) => {
      // The first one is found by the install, the others by the programs.
      const first = await RunningProxy.listening(kind, scene.world);
      await scene.world.install(...flags);
      await expectTraffic(scene, first);
      await expectTraffic(scene, await restart(scene, kind, first, signal));
    },
  );

  test("loses no client for ever that asks while it is restarted three times", async () => {
    await scene.world.install(...flags);
    let proxy = await RunningProxy.listening(kind, scene.world);
    for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL"] as const)
      proxy = await restart(scene, kind, proxy, signal);
    await expectTraffic(scene, proxy);
  });
});

/** Stops the proxy and sees to it that nothing passes by it; starts it while clients are asking already. */
async function restart(
  scene: Scene,
  kind: ProxyKind,
  proxy: RunningProxy,
  signal: NodeJS.Signals,
): Promise<RunningProxy> {
  await proxy.stop(signal);
  await Promise.all(ROUTES.map((route) => expectRefused(scene, route)));
  const answers = ROUTES.map((route) => ask(scene, route));
  const next = RunningProxy.start(kind, scene.world);
  for (const answer of await Promise.all(answers)) {
    expect(answer.failures.filter((code) => !REFUSALS.includes(code))).toEqual([]);
    await next.saw(answer.ends.local, answer.ends.peer, 1);
  }
  await next.untilListening();
  return next;
}

function ask(scene: Scene, route: Route): Promise<Answered> {
  return scene.client<Answered>(route.direction, "until-answered", url(route), 20_000);
}

async function expectRefused(scene: Scene, route: Route): Promise<void> {
  // 7: could not connect
  await expect(scene.curl(route.direction, "--max-time", "5", url(route))).rejects.toThrow("failed with 7");
}

async function expectTraffic(scene: Scene, proxy: RunningProxy): Promise<void> {
  const answers = await Promise.all(
    ROUTES.map(async (route) => ({ route, answer: await ask(scene, route) })),
  );
  for (const { route, answer } of answers) {
    expect(answer.failures).toEqual([]);
    expect(answer.ends.peer).toBe(targetOf(route, TCP_PORT));
    expect(hostOf(answer.reply.peer)).toBe(proxyAddressOf(route));
    await proxy.saw(answer.ends.local, answer.ends.peer, 1);
  }
}

function url(route: Route): string {
  return `http://${targetOf(route, TCP_PORT)}/`;
}
