import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readUnit, renderUnit, UNSET } from "../../../../src/engine/persistence/unit.ts";
import { projectRoot } from "../../../support/project-files.ts";

test("paths reach the program as they are, whatever is in them", () => {
  const program = { node: '/a b/%n/$x/"q"/\\', main: '/a b/%n/$x/"q"/\\\n' };
  const unit = renderUnit(program, "/etc/c.yaml", ["/etc/a", "/etc/b"]);
  expect(readUnit(unit)).toEqual({ program, directories: ["/etc/a", "/etc/b"] });
  const line = unit.split("\n").find((each) => each.startsWith("ExecStart="));
  // systemd.service(5): %% is a %, in arguments $$ is a $, and between quotes a backslash begins an escape.
  expect(line).toBe(String.raw`ExecStart="/a b/%%n/$x/\"q\"/\\" "/a b/%%n/$$x/\"q\"/\\\n" install --stored`);
});

test("what the start script keeps from Node.js and the C library, systemd keeps from them, too", () => {
  const script = readFileSync(join(projectRoot, "bin/tproxyctl"), "utf8").replaceAll("\\\n", " ");
  const dropped = [...script.matchAll(/^unset (?!-f)(.*)$/gm)].flatMap(([, names = ""]) =>
    names.trim().split(/\s+/),
  );
  expect(dropped.length).toBeGreaterThan(30);
  expect([...UNSET].sort()).toEqual(dropped.sort());
});

test("what is no unit of ours says nothing", () => {
  const unit = renderUnit({ node: "/n", main: "/m" }, "/etc/c.yaml", []);
  expect(readUnit(unit)).toEqual({ program: { node: "/n", main: "/m" }, directories: [] });
  expect(readUnit(unit.replace("ExecStart=", "#"))).toBe(undefined);
});

test("the modules that iptables-legacy cannot load without CAP_SYS_MODULE are there before it", () => {
  const unit = renderUnit({ node: "/n", main: "/m" }, "/etc/c.yaml", []);
  for (const key of ["Wants", "After"])
    expect(unit).toMatch(
      new RegExp(`^${key}=.*modprobe@ip_tables\\.service modprobe@ip6_tables\\.service`, "m"),
    );
  expect(unit).not.toMatch(/SYS_MODULE/);
});
