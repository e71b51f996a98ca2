import { expect, test } from "vitest";
import { nameSources } from "../../../src/cli/name-sources.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { ConfigError } from "../../../src/core/errors.ts";

const given = resolveConfig([
  new Map([["ebpf.tcAttachIface", { value: "eth9", source: "f:ebpf.tcAttachIface (line 1)" }]]),
]);

test("what is found later has the source of its value, where that is not its flag", async () => {
  const error = new ConfigError(
    [
      { source: "--ebpf-tc-attach-iface", message: "is not here" },
      { source: "--ebpf-instance-ip", message: "is not here" },
      { source: "something else", message: "is wrong" },
    ],
    "Do something.",
  );
  const named = await nameSources(given, () => Promise.reject(error)).catch((thrown: unknown) => thrown);
  expect(named).toMatchObject({
    code: "CONFIG_INVALID",
    hint: "Do something.",
    problems: [
      { source: "f:ebpf.tcAttachIface (line 1)" },
      { source: "--ebpf-instance-ip" },
      { source: "something else" },
    ],
  });
});

test("other errors and results pass", async () => {
  await expect(nameSources(given, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  expect(await nameSources(given, async () => 3)).toBe(3);
});
