import { fileURLToPath } from "node:url";
import type { Features } from "../../src/engine/ebpf/features.ts";
import type { World } from "../support/world.ts";

const PROGRAM = fileURLToPath(new URL("features-program.ts", import.meta.url));

/** Installs as on a kernel that lacks something, and fails the test where that fails. */
export async function installWithFeatures(
  world: World,
  overrides: Partial<Features>,
  ...flags: readonly string[]
): Promise<"installed" | "replaced"> {
  const command = installWithFeaturesCommand(world, overrides, ...flags);
  const { stdout, stderr, exitCode } = await world.run(command, { cgroup: false });
  if (exitCode === 0 && (stdout === "installed" || stdout === "replaced")) return stdout;
  throw new Error(`install without ${JSON.stringify(overrides)} failed:\n${stderr}${stdout}`);
}

export function installWithFeaturesCommand(
  world: World,
  overrides: Partial<Features>,
  ...flags: readonly string[]
): string[] {
  return [process.execPath, PROGRAM, JSON.stringify(overrides), ...world.installArguments(...flags)];
}
