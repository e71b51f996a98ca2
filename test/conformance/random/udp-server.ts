// A name server of sorts: says at each of the addresses given ("10.66.0.2#53") which one was asked, whatever the question.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";

for (const endpoint of process.argv.slice(2)) {
  const [address = "", port] = endpoint.split("#");
  const type = isIPv6(address) ? "udp6" : "udp4";
  const socket = createSocket({ type, ipv6Only: type === "udp6" });
  socket.on("message", (_question, from) => socket.send(endpoint, from.port, from.address));
  socket.bind(Number(port), address);
  await once(socket, "listening");
}
process.stdout.write("ready\n");
