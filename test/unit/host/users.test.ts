import { describe, expect, test } from "vitest";
import { resolveProxyUser } from "../../../src/host/users.ts";

describe("the proxy's user", () => {
  test("is found by name and by number", () => {
    expect(resolveProxyUser("root")).toEqual({ name: "root", uid: 0 });
    expect(resolveProxyUser("0")).toEqual({ name: "root", uid: 0 });
  });

  test("need not have a name where a number is given", () => {
    expect(resolveProxyUser("3999999999")).toEqual({ name: undefined, uid: 3999999999 });
    expect(resolveProxyUser("4294967294")).toEqual({ name: undefined, uid: 4294967294 });
  });

  test.each(["4294967295", "99999999999999999999", "005678", "00"])("cannot be %s", (spec) => {
    expect(() => resolveProxyUser(spec)).toThrow(expect.objectContaining({ code: "USER_UNKNOWN" }));
  });

  test.each(["hst-nobody-has-this", "-1", "5678x", " 5678"])("cannot be named %j", (spec) => {
    expect(() => resolveProxyUser(spec)).toThrow(
      expect.objectContaining({
        code: "USER_UNKNOWN",
        message: expect.stringContaining(JSON.stringify(spec)),
      }),
    );
  });
});
