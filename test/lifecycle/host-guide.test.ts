// The host guide, command by command, as a new user would type it: each does what the guide says, and says what it shows.

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { fitsOutput, guideCommands } from "../support/guide-blocks.ts";
import { readProjectFile } from "../support/project-files.ts";
import { World } from "../support/world.ts";
import { GuideHost } from "./guide/guide-host.ts";

test("all commands of docs/host-guide.md", async () => {
  const commands = guideCommands(readProjectFile("docs/host-guide.md"));
  expect(commands.length).toBeGreaterThan(20);
  await using world = await World.create();
  const host = await GuideHost.create(world);
  for (const command of commands) {
    if (command.text.startsWith("systemd-analyze ") && !canLookAtUnits()) continue;
    const { lines, status } = await host.type(command);
    const about = `docs/host-guide.md:${command.line}: ${command.text}\n${lines.join("\n")}`;
    expect({ about, fails: status !== 0 }).toEqual({ about, fails: command.fails });
    expect(fitsOutput(command.output, lines), about).toBe(true);
  }
});

/** A container seldom has systemd; what the guide says of the unit cannot be tried there. */
function canLookAtUnits(): boolean {
  if (existsSync("/usr/bin/systemd-analyze")) return true;
  const message = "the guide's unit was not looked at: there is no systemd-analyze (apt-get install systemd)";
  if (process.env.CI === "true") throw new Error(`${message}. With CI=true that is a failure.`);
  console.warn(message);
  return false;
}
