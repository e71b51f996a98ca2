// The map of handshakes in flight: what stays in it after them has leaked.

import { join } from "node:path";
import { execa } from "execa";
import type { World } from "../support/world.ts";

/** The key of each entry, as hexadecimal digits: where the client connects from, and to. */
export async function handshakes(world: World): Promise<readonly string[]> {
  const { status } = await world.status();
  const pin = join(String(status.pins), "map-tp_handshakes");
  const { stdout } = await execa("bpftool", ["-j", "map", "dump", "pinned", pin]);
  const entries = JSON.parse(stdout) as readonly { readonly key: readonly string[] }[];
  return entries.map(({ key }) => key.map((byte) => byte.slice(2)).join(""));
}
