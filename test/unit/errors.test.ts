import { describe, expect, test } from "vitest";
import { ERROR_CODES } from "../../src/core/errors.ts";
import { filesBelow, readProjectFile } from "../support/project-files.ts";

const page = readProjectFile("docs/errors.md");
const documented = [...page.matchAll(/^\| ([A-Z_]+) \|/gm)].map((match) => match[1]);
const source = filesBelow("src", ".ts")
  .filter((path) => !path.endsWith("core/errors.ts"))
  .map(readProjectFile)
  .join("\n");

describe("error codes", () => {
  test("are all on the page of errors, and only they", () => {
    expect(documented).toEqual(Object.keys(ERROR_CODES));
  });

  test.each(Object.keys(ERROR_CODES).filter((code) => code !== "CONFIG_INVALID"))(
    "%s is thrown somewhere",
    (code) => {
      expect(source).toContain(`"${code}"`);
    },
  );
});
