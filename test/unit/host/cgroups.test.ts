import { expect, test } from "vitest";
import { parseCgroup2 } from "../../../src/host/cgroups.ts";

test.each([
  ["0::/\n", "/"],
  ["0::/user.slice/a b\n", "/user.slice/a b"],
  ["12:cpu:/x\n1:name=systemd:/y\n0::/z\n", "/z"],
  ["12:cpu:/x\n", undefined],
  ["", undefined],
])("of %j the path in cgroup2 is %s", (text, path) => {
  expect(parseCgroup2(text)).toBe(path);
});
