import type { Socket } from "node:net";

/** Both ends of a connection as this process sees them: `10.66.0.1:80`, `[fd66::1]:80`. */
export interface Ends {
  readonly local: string;
  readonly peer: string;
}

export function endsOf(socket: Socket): Ends {
  return {
    local: endpoint(socket.localAddress, socket.localPort),
    peer: endpoint(socket.remoteAddress, socket.remotePort),
  };
}

function endpoint(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) throw new Error("the socket is not connected");
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
