import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderUnit, UNSET } from "../../../../src/engine/persistence/unit.ts";
import { projectRoot } from "../../../support/project-files.ts";

test("paths reach the program as they are, whatever is in them", () => {
  const program = { node: '/a b/%n/$x/"q"/\\', main: '/a b/%n/$x/"q"/\\\n' };
  const line = renderUnit(program, "/etc/c.yaml")
    .split("\n")
    .find((each) => each.startsWith("ExecStart="));
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
