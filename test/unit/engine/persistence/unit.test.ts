import { expect, test } from "vitest";
import { renderUnit } from "../../../../src/engine/persistence/unit.ts";

test("paths reach the program as they are, whatever is in them", () => {
  const program = { node: '/a b/%n/$x/"q"/\\', main: '/a b/%n/$x/"q"/\\\n' };
  const line = renderUnit(program, "/etc/c.yaml")
    .split("\n")
    .find((each) => each.startsWith("ExecStart="));
  // systemd.service(5): %% is a %, in arguments $$ is a $, and between quotes a backslash begins an escape.
  expect(line).toBe(String.raw`ExecStart="/a b/%%n/$x/\"q\"/\\" "/a b/%%n/$$x/\"q\"/\\\n" install --stored`);
});
