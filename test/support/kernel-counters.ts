// What the kernel counts of TCP in a host's network namespace.

import type { RunOptions, World } from "./world.ts";

/** @param name as nstat has it, such as "TcpOutRsts" */
export async function kernelCounter(world: World, name: string, options: RunOptions = {}): Promise<number> {
  const { stdout, stderr } = await world.run(["nstat", "-asz", name], options);
  const value = new RegExp(`^${name}\\s+(\\d+)`, "m").exec(stdout)?.[1];
  if (value === undefined) throw new Error(`nstat knows no counter ${name}: ${stdout}${stderr}`);
  return Number(value);
}

/**
 * How many segments of remote clients may have been decided about again, ever: SYNs that were sent again, and what arrived for a
 * connection that is gone, such as the second answer to a FIN that was sent twice on a machine that stood still. The kernel
 * answers that by a reset; the sk_lookup program is asked of it as of a SYN, and is not told which of the two it is.
 */
export async function decidedAgain(world: World): Promise<number> {
  const [sentAgain, resets] = await Promise.all([
    kernelCounter(world, "TcpExtTCPSynRetrans", { host: "remote", cgroup: false }),
    kernelCounter(world, "TcpOutRsts", { cgroup: false }),
  ]);
  return sentAgain + resets;
}
