// The map of handshakes in flight: what stays in it after them has leaked.

import { join } from "node:path";
import { execa } from "execa";
import type { World } from "../support/world.ts";

/** All entries, as bpftool shows them. */
export async function handshakes(world: World): Promise<readonly unknown[]> {
  const { status } = await world.status();
  const { stdout } = await execa("bpftool", [
    "-j",
    "map",
    "dump",
    "pinned",
    join(`${status.pins}`, "map-tp_handshakes"),
  ]);
  return JSON.parse(stdout) as unknown[];
}
