// SPDX-License-Identifier: Apache-2.0

/**
 * What the commands without a configuration of their own are told. Paths are absolute; undefined: wherever the
 * installation is.
 */
export interface UninstallOptions {
  readonly dryRun: boolean;
  readonly verbose: boolean;
  readonly bpffsPath: string | undefined;
}

export interface StatusOptions {
  readonly json: boolean;
  readonly bpffsPath: string | undefined;
}

/** Beside the configuration. */
export interface DoctorOptions {
  readonly json: boolean;
}

export interface ProxyOptions {
  /** 1–65535, and not the outbound one. */
  readonly inboundPort: number;
  readonly outboundPort: number;
  /** Listen on IPv6 as well, where there is any. */
  readonly ipv6: boolean;
  readonly json: boolean;
  readonly allowRoot: boolean;
  /** Started as root, go on as this user (name or UID); "": as whoever started it. */
  readonly user: string;
}
