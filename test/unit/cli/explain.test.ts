import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { run } from "../../../src/cli/run.ts";
import { address } from "../../support/plan-samples.ts";

/** What `explain` is told, and what is said. */
async function explain(line: string) {
  let stderr = "";
  const told: { given?: unknown; options?: unknown } = {};
  const environment = {
    stdout: { write: () => true },
    stderr: { write: (text: string) => (stderr += text) },
    variables: {},
    stdin: () => Readable.from([]),
    untilTerminated: () => AbortSignal.abort(),
  };
  const status = await run(["explain", ...line.split(" ")], environment, {
    ...COMMANDS,
    explain: async () => ({
      runExplain: async (given, options) => {
        Object.assign(told, { given, options });
        return 0;
      },
    }),
  });
  return { status, stderr, ...told };
}

describe("the question", () => {
  test.each([
    [
      "outbound --uid 1000 --to 10.1.2.3:443",
      { kind: "outbound", user: "1000", from: undefined, to: address("10.1.2.3"), port: 443 },
    ],
    [
      "outbound --uid app --from fd00::1 --to [fd00::2]:65535",
      { kind: "outbound", user: "app", from: address("fd00::1"), to: address("fd00::2"), port: 65535 },
    ],
    [
      "inbound --from 10.0.0.9 --to :8080",
      { kind: "inbound", from: address("10.0.0.9"), to: undefined, port: 8080, interface: undefined },
    ],
    [
      "inbound --from 10.0.0.9 --to 10.0.0.1:8080 --iface eth0",
      { kind: "inbound", from: address("10.0.0.9"), to: address("10.0.0.1"), port: 8080, interface: "eth0" },
    ],
    ["dns --uid 0 --to 1.1.1.1", { kind: "dns", user: "0", to: address("1.1.1.1"), port: 53 }],
    ["dns --uid 0 --to fd00::53", { kind: "dns", user: "0", to: address("fd00::53"), port: 53 }],
    ["dns --uid 0 --to [fd00::53]:5353", { kind: "dns", user: "0", to: address("fd00::53"), port: 5353 }],
  ])("%s", async (line, question) => {
    expect(await explain(line)).toEqual({
      status: 0,
      stderr: "",
      given: undefined,
      options: { json: false, bpffsPath: undefined, question },
    });
  });
});

describe("what the answer is for", () => {
  const QUESTION = "outbound --uid 1000 --to 10.1.2.3:443";

  test("what is installed, wherever and however it is said", async () => {
    const { given, options } = await explain(`${QUESTION} --json --verbose --ebpf-bpffs-path /run/x`);
    expect({ given, options }).toMatchObject({
      given: undefined,
      options: { json: true, bpffsPath: "/run/x" },
    });
  });
  test("the options, where there are any", async () => {
    const { given } = await explain(`${QUESTION} --exclude-outbound-ports 443`);
    expect(given).toMatchObject({ config: { redirect: { outbound: { excludePorts: [443] } } } });
  });
});

describe("what is wrong is said, all of it", () => {
  test.each([
    ["outbound", [/--uid: is needed/, /--to: is needed/]],
    ["inbound", [/--from: is needed/, /--to: is needed/]],
    ["dns", [/--uid: is needed/, /--to: is needed/]],
    ["outbound --uid= --to 10.1.2.3", [/--uid: is empty/, /--to: "10.1.2.3" is no address with a port/]],
    ["outbound --uid 1 --to 10.1.2.3:0", [/--to: "0" is not a port/]],
    ["outbound --uid 1 --to fd00::1:80", [/--to: "fd00::1:80" is no address with a port/]],
    ["outbound --uid 1 --to [fd00::1%eth0]:80", [/--to: "fd00::1%eth0" is no IP address/]],
    ["inbound --from x --to :y", [/--from: "x" is no IP address/, /--to: "y" is not a port/]],
    ["dns --uid 1 --to ns1", [/--to: "ns1" is no address with a port/]],
  ])("%s", async (line, messages) => {
    const { status, stderr, options } = await explain(line);
    expect({ status, options }).toEqual({ status: 1, options: undefined });
    for (const message of messages) expect(stderr).toMatch(message);
  });

  test("a kind that there is not", async () => {
    expect(await explain("sideways --uid 1")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/sideways/),
    });
  });
});
