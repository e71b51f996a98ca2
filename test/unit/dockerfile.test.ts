// The image cannot be built here: there is no container engine. What can be said of the Dockerfile without one is said here.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { projectRoot, readProjectFile } from "../support/project-files.ts";

const text = readProjectFile("Dockerfile");
const instructions = text
  .replaceAll(/^#.*\n/gm, "")
  .replaceAll(/\\\n/g, " ")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line) => line.split(/\s+/));

test("hadolint finds nothing in the Dockerfile", async () => {
  const { stdout: hadolint } = await execa(join(projectRoot, "scripts/fetch-hadolint"));
  const { stdout, exitCode } = await execa(hadolint, ["--no-color", join(projectRoot, "Dockerfile")], {
    reject: false,
  });
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 0 });
});

describe("the image", () => {
  test("is made of what the build makes: nothing that is copied from it is named otherwise there", () => {
    const copies = instructions.filter(([name]) => name === "COPY").map((words) => words.slice(1));
    expect(copies).toEqual([
      [".", "."],
      ["--from=build", "/src/.node/bin/node", "/usr/local/bin/node"],
      ["--from=build", "/opt/tproxyctl", "/usr/local"],
    ]);
    const build = instructions.filter(([name]) => name === "RUN").map((words) => words.join(" "))[0];
    expect(build).toMatch(/\.\/scripts\/setup --to-build .*--prefix \/opt\/tproxyctl /);
    expect(existsSync(join(projectRoot, "scripts/setup"))).toBe(true);
  });

  test("starts the command that the package has", () => {
    const { bin } = JSON.parse(readProjectFile("package.json"));
    const entrypoint = instructions
      .find(([name]) => name === "ENTRYPOINT")
      ?.slice(1)
      .join(" ");
    expect(JSON.parse(entrypoint ?? "")).toEqual(Object.keys(bin));
  });

  test("has what the engines need at run time", () => {
    const runs = instructions.filter(([name]) => name === "RUN").map((words) => words.join(" "));
    expect(runs.at(-1)).toMatch(/apt-get install .* iptables libbpf1 /);
  });
});

describe("what is sent to the builder", () => {
  const ignored = readProjectFile(".dockerignore").split("\n");

  test("has nothing that was made on this machine", () => {
    const made = readProjectFile(".gitignore")
      .split("\n")
      .map((line) => line.replaceAll(/^\/|\/$/g, ""));
    const sent = made.filter(
      (each) => each !== "" && each !== "*.node" && !each.startsWith("bench/") && !ignored.includes(each),
    );
    expect(sent.filter((each) => each !== ".node.new.*")).toEqual([]);
    expect(ignored).toContain("bench");
    // All else below test/ is left out.
    expect(ignored).toContain("!test/tools");
  });

  test.each(["bin", "bpf", "scripts", "src", "test/tools", "package.json", "package-lock.json", "LICENSE"])(
    "has %s, which the build reads",
    (path) => {
      expect(ignored).not.toContain(path);
      expect(existsSync(join(projectRoot, path))).toBe(true);
    },
  );
});
