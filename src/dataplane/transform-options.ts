// SPDX-License-Identifier: Apache-2.0

export interface TransformOptions {
  readonly inbound: WantedPort;
  readonly outbound: WantedPort;
  readonly family: WantedFamily;
  /** The services that the outbound section named become `reachableServices`. */
  readonly reachableServices: boolean;
}

export interface WantedFamily {
  /** Only IPv4 is redirected. */
  readonly ipv4Only: boolean;
  /** Say so also where nothing else is to be changed. */
  readonly correct: boolean;
}

export interface WantedPort {
  /** 1–65535. */
  readonly port: number;
  /** Put it in the place of another one that is there. */
  readonly correct: boolean;
}
