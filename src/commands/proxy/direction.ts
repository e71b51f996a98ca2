// SPDX-License-Identifier: Apache-2.0

/** Seen from the application: connections that it takes, and connections that it opens. */
export type Direction = "inbound" | "outbound";

/** The ports that the proxy itself listens on, 1–65535. */
export type OwnPorts = Readonly<Record<Direction, number>>;
