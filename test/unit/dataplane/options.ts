import type { TransformOptions } from "../../../src/dataplane/transform-options.ts";

export const IPV4 = { ipv4Only: true, correct: false };

/** Where nothing is asked for, and nothing is installed. */
export const OPTIONS: TransformOptions = {
  inbound: { port: 15006, correct: false },
  outbound: { port: 15001, correct: false },
  family: { ipv4Only: false, correct: false },
  reachableServices: false,
};
