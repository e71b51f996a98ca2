// The machines themselves cannot be started here: their boxes come from elsewhere. Their description is checked by Vagrant.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { skipWithout } from "../support/prerequisite.ts";
import { projectRoot, readProjectFile } from "../support/project-files.ts";

const MACHINES = ["debian12", "ubuntu2204", "ubuntu2404", "fedora", "ubuntu2004"];

let home: string;
let missing: string | undefined;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "tproxyctl-vagrant-"));
  const { failed } = await execa("vagrant", ["--version"], { reject: false, env: environment() });
  if (failed)
    missing = "there is no vagrant (apt-get install vagrant; ./scripts/setup installs it with CI=true)";
});
afterAll(() => rmSync(home, { recursive: true }));

/** Nothing of it goes into this tree or the user's home. */
function environment() {
  return {
    VAGRANT_HOME: home,
    VAGRANT_DOTFILE_PATH: join(home, "dot"),
    VAGRANT_CHECKPOINT_DISABLE: "1",
    VAGRANT_NO_COLOR: "1",
  };
}

test("vagrant takes the Vagrantfile for valid, and finds the machines in it that the documentation names", async (context) => {
  skipWithout(context, missing);
  const { exitCode, stdout, stderr } = await execa("vagrant", ["validate", "--ignore-provider"], {
    cwd: projectRoot,
    reject: false,
    env: environment(),
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const lines = stdout.split("\n");
  expect(lines.at(-1)).toBe("Vagrantfile validated successfully.");
  expect(lines.flatMap((line) => (/^==> (\w+): /.exec(line) ?? []).slice(1))).toEqual(MACHINES);
  const page = readProjectFile("docs/portability.md");
  for (const machine of MACHINES) expect(page).toContain(`\`${machine}\``);
});
