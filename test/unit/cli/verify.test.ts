// `verify`, and the words of kumactl's validator.

import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { run } from "../../../src/cli/run.ts";
import { joinValidator } from "../../../src/cli/validator.ts";
import type { VerifyOptions } from "../../../src/commands/options.ts";
import type { Config } from "../../../src/config/config.ts";

async function tproxyctl(argv: readonly string[], stdin = "") {
  let stderr = "";
  const told: { config?: Config; options?: VerifyOptions } = {};
  const environment = {
    stdout: { write: () => true },
    stderr: { write: (text: string) => (stderr += text) },
    variables: {},
    stdin: () => Readable.from([stdin]),
    untilTerminated: () => AbortSignal.abort(),
  };
  const status = await run(argv, environment, {
    ...COMMANDS,
    verify: async () => ({
      runVerify: async ({ config }, options) => {
        Object.assign(told, { config, options });
        return 0;
      },
    }),
  });
  return { status, stderr, ...told };
}

const DEFAULTS = {
  json: false,
  bpffsPath: undefined,
  timeoutMs: 20_000,
  retries: 0,
  retryIntervalMs: 0,
  likeKumactl: false,
};
const VALIDATOR = { ...DEFAULTS, timeoutMs: 60_000, retries: 10, retryIntervalMs: 1000, likeKumactl: true };

describe("verify", () => {
  test.each<[string[], Partial<VerifyOptions>]>([
    [[], {}],
    [["--json", "--timeout=5s"], { json: true, timeoutMs: 5000 }],
    [["--ebpf-bpffs-path", "/run/x"], { bpffsPath: "/run/x" }],
  ])("%j", async (flags, options) => {
    const told = await tproxyctl(["verify", ...flags]);
    expect(told).toMatchObject({ status: 0, stderr: "", options: { ...DEFAULTS, ...options } });
  });

  test("takes the configuration as install does", async () => {
    const text = "redirect: {outbound: {port: 5001}}";
    const { config } = await tproxyctl(["verify", "--config=-", "--redirect-inbound-port=5006"], text);
    expect(config?.redirect).toMatchObject({ outbound: { port: 5001 }, inbound: { port: 5006 } });
  });

  test.each([
    ["--timeout=0", /--timeout: no time at all/],
    ["--timeout=soon", /--timeout: "soon" is not a duration/],
    ["--redirect-inbound-port=0", /--redirect-inbound-port: "0" is not a port/],
  ])("%s", async (flag, message) => {
    const { status, stderr, options } = await tproxyctl(["verify", flag]);
    expect({ status, options }).toEqual({ status: 1, options: undefined });
    expect(stderr).toMatch(message);
  });
});

describe("kumactl's validator", () => {
  const WORDS = ["install", "transparent-proxy-validator"];

  test.each<[string, string[]]>([
    ["2.7 to 2.10", ["--config-file", "/tmp/.kumactl", "--ip-family-mode", "ipv4"]],
    ["with its port", ["--ip-family-mode=ipv4", "--validation-server-port", "25006"]],
    ["with the global flags", ["--log-level=info", "--no-config", "--ip-family-mode=ipv4"]],
  ])("%s", async (_title, flags) => {
    const isPort = flags.includes("25006");
    expect(await tproxyctl([...WORDS, ...flags])).toMatchObject({
      status: 0,
      stderr: "",
      options: VALIDATOR,
      config: { ipFamilyMode: "ipv4", redirect: { inbound: { port: isPort ? 25_006 : 15_006 } } },
    });
  });

  test("its configuration, from a file or as text", async () => {
    const text = "redirect: {inbound: {port: 25006}}";
    for (const value of ["-", text]) {
      const told = await tproxyctl([...WORDS, "--transparent-proxy-config", value], text);
      expect(told).toMatchObject({ status: 0, options: VALIDATOR });
      expect(told.config?.redirect.inbound.port).toBe(25_006);
    }
  });

  test.each([
    ["--validation-server-port=0", /--validation-server-port: "0" is not a port/],
    ["--ip-family-mode=ipv5", /--ip-family-mode: "ipv5" is not an IP family mode/],
    ["--transparent-proxy-config=/nowhere/x.yaml", /--transparent-proxy-config: .*\/nowhere\/x\.yaml/],
    ["--redirect-dns", /unknown option '--redirect-dns'/],
  ])("%s", async (flag, message) => {
    const { status, stderr } = await tproxyctl([...WORDS, flag]);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });

  test.each([
    [["install", "transparent-proxy-validator"], ["transparent-proxy-validator"]],
    [
      ["--a", "install", "--b", "transparent-proxy-validator", "--c"],
      ["--a", "transparent-proxy-validator", "--b", "--c"],
    ],
    [
      ["install", "transparent-proxy", "--x"],
      ["install", "transparent-proxy", "--x"],
    ],
    [
      ["transparent-proxy-validator", "install"],
      ["transparent-proxy-validator", "install"],
    ],
  ])("%j", (argv, words) => {
    expect(joinValidator(argv)).toEqual(words);
  });
});
