// `dataplane transform` and `dataplane check` against what is installed, by both engines, and where nothing is.

import { afterAll, beforeAll, expect, test } from "vitest";
import { APP_UID, World } from "../support/world.ts";
import { expectFailure } from "./support.ts";

let world: World;
beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world[Symbol.asyncDispose]());

const dataplane = (section: string) => `type: Dataplane
networking:
  address: 10.66.0.1
  inbound: [{port: 8080}]
${section}`;
const OUTBOUND = dataplane("  outbound: []\n");
const transparent = (inbound: number, outbound: number, more = "") =>
  dataplane(
    `  transparentProxying:\n    redirectPortInbound: ${inbound}\n    redirectPortOutbound: ${outbound}\n${more}`,
  ).trimEnd();

function run(args: readonly string[], input: string, uid?: number) {
  return world.tproxyctl(["dataplane", ...args, "-"], { input, ...(uid === undefined ? {} : { uid }) });
}

async function checked(input: string, ...args: readonly string[]) {
  const { stdout, exitCode } = await run(["check", "--json", ...args], input);
  const { comparedWith, findings } = JSON.parse(stdout);
  const paths = findings.map(({ severity, path }: Record<string, string>) => `${severity} ${path}`);
  return { exitCode, paths, comparedWith };
}

test("where nothing is installed, the defaults count, and are said to", async () => {
  expect((await run(["transform"], OUTBOUND)).stdout).toBe(transparent(15006, 15001));
  const { stdout, stderr, exitCode } = await run(["check"], transparent(15006, 15001));
  expect({ stderr, exitCode }).toEqual({
    stderr: "note: nothing is installed in this network namespace",
    exitCode: 0,
  });
  expect(stdout).toMatch(/^compared with the defaults of install: /);
});

test("without root only options can be compared with", async () => {
  const input = transparent(15006, 15001);
  expectFailure(await run(["check"], input, APP_UID), "NOT_ROOT", /--redirect-inbound-port 15006/);
  const given = await run(["check", "--redirect-inbound-port=15006"], input, APP_UID);
  expect(given).toMatchObject({ exitCode: 0, stderr: "" });
  expect((await run(["transform"], OUTBOUND, APP_UID)).stdout).toBe(input);
});

test.each(["ebpf", "iptables"])("what %s does counts", async (engine) => {
  const ports = ["--redirect-inbound-port=16006", "--redirect-outbound-port=16001"];
  const others = ["--ip-family-mode=ipv4", "--exclude-inbound-ports=8080"];
  await world.install(`--engine=${engine}`, ...ports, ...others);
  try {
    const section = transparent(16006, 16001, "    ipFamilyMode: IPv4\n");
    const { stdout, stderr } = await run(["transform"], OUTBOUND);
    expect(stdout).toBe(section);
    expect(stderr).toContain(`note: the ports are those installed here, by the ${engine} engine`);

    const left = "error networking.inbound.0.port";
    expect(await checked(section)).toEqual({
      exitCode: 1,
      paths: [left],
      comparedWith: {
        description: expect.stringMatching(new RegExp(`^what the ${engine} engine does here, installed 2`)),
        inbound: { redirect: true, port: 16006 },
        outbound: { redirect: true, port: 16001 },
        ipv6: false,
      },
    });
    const { exitCode, paths } = await checked(transparent(15006, 15001).replace("10.66.0.1", "10.66.0.2"));
    const at = "networking.transparentProxying";
    expect(paths).toEqual([
      "warning networking.address",
      left,
      `warning ${at}`,
      `error ${at}.redirectPortInbound`,
      `error ${at}.redirectPortOutbound`,
    ]);
    expect(exitCode).toBe(1);
    expect(await checked(transparent(15006, 15001), "--redirect-dns")).toMatchObject({
      exitCode: 0,
      paths: [],
    });
  } finally {
    await world.uninstall();
  }
});
