import { expect, test } from "vitest";
import { renderConfigReference } from "../../../scripts/render-config-reference.ts";
import { INSTALL_FLAGS } from "../../../src/cli/command-flags.ts";
import { readProjectFile } from "../../support/project-files.ts";

test("docs/configuration.md is what the table of settings says: run node scripts/gen-config-reference.ts", () => {
  expect(readProjectFile("docs/configuration.md")).toBe(renderConfigReference());
});

test.each(INSTALL_FLAGS)("--$name is on the page", ({ name }) => {
  expect(renderConfigReference()).toMatch(new RegExp(`--${name}[\` ]`));
});
