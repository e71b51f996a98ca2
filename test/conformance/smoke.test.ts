import { expect, test } from "vitest";
import { World } from "../support/world.ts";
test("smoke", async () => {
  await using world = await World.create();
  await world.install();
  await world.startProxy();
  const c = await world.connect("10.66.0.2:80");
  expect(c).toMatchObject({ ok: true, peer: "10.66.0.2:80", server: { origdst: "10.66.0.2:80" } });
  const c6 = await world.connect("[fd66::2]:80");
  expect(c6).toMatchObject({ ok: true, peer: "[fd66::2]:80" });
  expect(await world.counter("outboundRedirected")).toBe(2);
  await world.uninstall();
});
