import { expect, test } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { configOfWritten } from "../../../src/config/config-of-written.ts";
import { writeConfig } from "../../../src/config/written-config.ts";
import { ConfigError } from "../../../src/core/errors.ts";
import { read } from "./support.ts";

async function configOf(...words: readonly string[]): Promise<Config> {
  const { resolved, problems } = await read(words);
  if (resolved === undefined) throw new ConfigError(problems);
  return resolved.config;
}

/** As an installation keeps it. */
function keep(config: Config): string {
  return JSON.stringify(writeConfig(config));
}

/** One of each kind of value, none at its default. */
const MANY = [
  ...[
    "--kuma-dp-user=1234",
    "--ip-family-mode=ipv4",
    "--engine=auto",
    "--ebpf-instance-ip=10.0.0.1,10.0.0.2",
  ],
  ...["--exclude-inbound-ports=22,8080", "--exclude-outbound-ips=10.0.0.0/8,fd00::/8", "--redirect-dns"],
  ...["--exclude-outbound-ports-for-uids=tcp:80,443:1000-1002", "--exclude-outbound-ports-for-uids=53:0"],
  ...["--vnet=br+:10.1.0.0/16", "--sleep-between-retries=1500ms", "--wait=7", "--drop-invalid-packets"],
  "--iptables-executables=iptables:/a,iptables-save:/b,iptables-restore:/c",
];

test.each([[[]], [MANY]])("what was kept is the configuration again: %j", async (words) => {
  const config = await configOf(...words);
  expect(configOfWritten(JSON.parse(keep(config)))).toEqual(config);
});

test("what is of one run is not kept", async () => {
  const config = await configOf("--verbose", "--dry-run", "--redirect-inbound=false");
  expect(keep(config)).toBe(keep(await configOf("--redirect-inbound=false")));
});

test("a version that has other settings reads what it knows", async () => {
  const { "redirect.inbound.port": _, ...fewer } = writeConfig(
    await configOf("--redirect-inbound-port=15106"),
  );
  const config = configOfWritten({ ...fewer, ...{ "from.the.future": "yes" }, kumaDPUser: "1" });
  expect(config).toMatchObject({ kumaDPUser: "1", redirect: { inbound: { port: 15006 } } });
});

test("a value that this version does not take is an error that names it", async () => {
  const written = { ...writeConfig(await configOf()), engine: "carrier-pigeon" };
  expect(() => configOfWritten(written)).toThrow(/the configuration that was kept: engine: .*carrier-pigeon/);
});
