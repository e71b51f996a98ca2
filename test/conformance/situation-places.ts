// Addresses and ports of the situations.

import type { Place } from "./situation.ts";

/** Real servers listen on these, on the service's host and on the remote one. On no other. */
export const SERVED_PORTS = [1, 2, 53, 80, 81, 8080, 65534, 65535] as const;

export const REMOTE: Place = { v4: "10.66.0.2", v6: "fd66::2" };
/** Another address of the same host. */
export const OTHER_REMOTE: Place = { v4: "10.66.0.3", v6: "fd66::3" };
/** One more, not next to them. */
export const FAR_REMOTE: Place = { v4: "10.66.0.4", v6: "fd66::4" };
export const OWN: Place = { v4: "10.66.0.1", v6: "fd66::1" };
export const LOCALHOST: Place = { v4: "127.0.0.1", v6: "::1" };
export const OTHER_LOOPBACK: Place = { v4: "127.0.0.2" };
