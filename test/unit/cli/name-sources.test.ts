import { expect, test } from "vitest";
import { nameSources } from "../../../src/cli/name-sources.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { ConfigError, TproxyError } from "../../../src/core/errors.ts";

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

test.each([
  ["a variable", "KUMA_X", "KUMA_X: there is no such user"],
  ["nobody", "default", "there is no such user"],
])("an unknown user has the place where it was named: %s", async (_title, source, message) => {
  const resolved = resolveConfig([new Map([["kumaDPUser", { value: "nobody", source }]])]);
  const error = new TproxyError("USER_UNKNOWN", "there is no such user", { hint: "Make one." });
  await expect(nameSources(resolved, () => Promise.reject(error))).rejects.toMatchObject({
    ...{ code: "USER_UNKNOWN", message, hint: "Make one." },
  });
});

test("the user that explain is asked about is not the proxy's", async () => {
  const resolved = resolveConfig([new Map([["kumaDPUser", { value: "5678", source: "KUMA_X" }]])]);
  const error = new TproxyError("USER_UNKNOWN", '--uid: there is no user "x"');
  await expect(nameSources(resolved, () => Promise.reject(error))).rejects.toBe(error);
});

test("other errors and results pass", async () => {
  await expect(nameSources(given, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  expect(await nameSources(given, async () => 3)).toBe(3);
});
