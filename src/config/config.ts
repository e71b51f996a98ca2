// SPDX-License-Identifier: Apache-2.0
import type { Address } from "../core/address.ts";

/** What the user asked for, complete and checked as far as that goes without looking at the host. Deeply frozen. */
export interface Config {
  /** A user's name or number; "" for UID 5678, and where nobody has that, the user kuma-dp. */
  readonly kumaDPUser: string;
  readonly ipFamilyMode: IpFamilyMode;
  readonly dryRun: boolean;
  readonly verbose: boolean;
  readonly redirect: {
    readonly inbound: DirectionConfig;
    readonly outbound: DirectionConfig;
  };
  readonly ebpf: EbpfConfig;
}

export type IpFamilyMode = "dualstack" | "ipv4";

export interface DirectionConfig {
  readonly enabled: boolean;
  /** The proxy's port, 1–65535. */
  readonly port: number;
  /** Only connections to these ports (1–65535, ascending) are redirected; none: to all ports. */
  readonly includePorts: readonly number[];
  /** Connections to these ports (1–65535, ascending) are left alone. Without effect beside includePorts. */
  readonly excludePorts: readonly number[];
}

export interface EbpfConfig {
  readonly enabled: boolean;
  /** Addresses whose inbound traffic is redirected; none: all that the network namespace has. */
  readonly instanceIPs: readonly Address[];
  /** Absolute path of the directory for the pins. */
  readonly bpffsPath: string;
  /** Absolute path of a cgroup2 directory; "": the root of cgroup2, found by the file system's type. */
  readonly cgroupPath: string;
  /** Absolute path of the directory with the eBPF objects; "": those of the package. */
  readonly programsSourcePath: string;
  /** The one interface that inbound traffic is redirected on, by tc; "": see the choice of the inbound hook. */
  readonly tcAttachIface: string;
}

type Keys<T> = {
  [K in keyof T & string]: T[K] extends string | number | boolean | readonly unknown[]
    ? K
    : `${K}.${Keys<T[K]>}`;
}[keyof T & string];

/** The path of a setting in the configuration: "redirect.inbound.port". */
export type SettingKey = Keys<Config>;
