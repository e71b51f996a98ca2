import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import type { SettingName } from "../../../src/config/setting.ts";
import { formatAddress } from "../../../src/core/address.ts";
import { readHostFacts } from "../../../src/engine/host-facts.ts";

const directory = mkdtempSync(join(tmpdir(), "tproxyctl-host-facts-"));
const path = join(directory, "resolv.conf");
writeFileSync(path, "nameserver 10.0.0.53\nnameserver fe80::1%eth0\n");
afterAll(() => rmSync(directory, { recursive: true }));

function readWith(settings: Readonly<Partial<Record<SettingName, unknown>>>, resolvConfigPath = path) {
  const all = { kumaDPUser: "0", "redirect.dns.resolvConfigPath": resolvConfigPath, ...settings };
  const layer = Object.entries(all).map(
    ([key, value]) => [key as SettingName, { value, source: key }] as const,
  );
  return readHostFacts(resolveConfig([new Map(layer)]).config);
}

test("the facts of this host, for the user asked for", () => {
  const facts = readWith({});
  expect(facts).toMatchObject({ proxyUser: { uid: 0 }, nameservers: [], notes: [] });
  expect(facts.interfaces.map(({ name }) => name)).toContain("lo");
});

test("the name servers where queries to them are redirected, and a note of the others", () => {
  const { nameservers, notes } = readWith({ "redirect.dns.enabled": true });
  expect(nameservers.map(formatAddress)).toEqual(["10.0.0.53"]);
  expect(notes).toEqual([expect.stringMatching(/"fe80::1%eth0" of .*resolv\.conf are left alone/)]);
});

test("resolv.conf is read only for that", () => {
  const missing = join(directory, "missing");
  expect(readWith({}, missing).nameservers).toEqual([]);
  expect(readWith({ "redirect.dns.captureAll": true }, missing).nameservers).toEqual([]);
  expect(() => readWith({ "redirect.dns.enabled": true }, missing)).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID" }),
  );
});
