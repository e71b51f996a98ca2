import type { World } from "./world.ts";

/**
 * How many segments of remote clients may have been decided about again, ever: SYNs that were sent again, and what arrived for a
 * connection that is gone, such as the second answer to a FIN that was sent twice on a machine that stood still. The kernel
 * answers that by a reset; the sk_lookup program is asked of it as of a SYN, and is not told which of the two it is.
 */
export async function decidedAgain(world: World): Promise<number> {
  const [client, service] = await Promise.all([
    world.run(["cat", "/proc/net/netstat"], { host: "remote", cgroup: false }),
    world.run(["cat", "/proc/net/snmp"], { cgroup: false }),
  ]);
  return counterIn(client.stdout, "TcpExt", "TCPSynRetrans") + counterIn(service.stdout, "Tcp", "OutRsts");
}

/** A line of names and one of numbers begin with the table's name. */
function counterIn(text: string, table: string, name: string): number {
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith(`${table}: `))
    .map((line) => line.split(" "));
  const value = values[names.indexOf(name)];
  if (value === undefined) throw new Error(`the kernel has no counter ${name} among those of ${table}`);
  return Number(value);
}
