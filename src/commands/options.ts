// SPDX-License-Identifier: Apache-2.0
import type { IpFamilyMode } from "../config/config.ts";
import type { Address } from "../core/address.ts";

/**
 * What the commands without a configuration of their own are told. Paths are absolute; undefined: wherever the
 * installation is.
 */
export interface UninstallOptions {
  readonly dryRun: boolean;
  readonly verbose: boolean;
  readonly bpffsPath: string | undefined;
  /** Remove what Kuma's eBPF engine and merbridge left, and nothing else. */
  readonly leftovers: boolean;
  /** Without asking. */
  readonly yes: boolean;
}

/** Beside the configuration: what is of this one run, and is not kept with the installation. */
export interface InstallOptions {
  /** Also where it would lock out who administers this host. */
  readonly force: boolean;
  /** Put back as it was unless it is confirmed within so many milliseconds; undefined: it stays. */
  readonly confirmWithinMs: number | undefined;
  /** Store it, to be installed again when the host starts. */
  readonly storeSystemd: boolean;
  /** It is the configuration that is stored: the host has started. */
  readonly stored: boolean;
}

/** What the timer of `install --confirm-within` is told. */
export interface PutBackOptions {
  /** Of the change that nobody confirmed. */
  readonly token: string;
  /** To be waited before, in milliseconds; undefined: the time has come. */
  readonly afterMs: number | undefined;
}

export interface StatusOptions {
  readonly json: boolean;
  readonly bpffsPath: string | undefined;
}

/** Beside the configuration. */
export interface DoctorOptions {
  readonly json: boolean;
}

/** Beside the configuration, where the answer is to be for one that is not installed. */
export interface ExplainOptions {
  readonly json: boolean;
  readonly bpffsPath: string | undefined;
  readonly question: Question;
}

/** What `explain` is asked about. Ports: 1–65535; users: a name or UID. */
export type Question =
  | {
      readonly kind: "outbound";
      readonly user: string;
      readonly from: Address | undefined;
      readonly to: Address;
      readonly port: number;
    }
  | {
      readonly kind: "inbound";
      readonly from: Address;
      /** Undefined: an address that this host has. */
      readonly to: Address | undefined;
      readonly port: number;
      /** Undefined: the interface that has the address. */
      readonly interface: string | undefined;
    }
  | { readonly kind: "dns"; readonly user: string; readonly to: Address; readonly port: number };

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

/** Beside the configuration. */
export interface VerifyOptions {
  readonly json: boolean;
  readonly bpffsPath: string | undefined;
  /** The whole command's, in milliseconds. */
  readonly timeoutMs: number;
  /** How often it is tried again where it failed. */
  readonly retries: number;
  readonly retryIntervalMs: number;
  /** As `kumactl install transparent-proxy-validator`, whose user is the proxy's, and in its words. */
  readonly likeKumactl: boolean;
}

export interface DataplaneTransformOptions {
  /** A path, or "-" for stdin. */
  readonly file: string;
  /** The result takes the file's place. */
  readonly inPlace: boolean;
  /** 1–65535; undefined: as installed here, or the default. */
  readonly inboundPort: number | undefined;
  readonly outboundPort: number | undefined;
  readonly ipFamilyMode: IpFamilyMode | undefined;
  readonly reachableServices: boolean;
  readonly bpffsPath: string | undefined;
}

/** Beside the configuration, where it is to be compared with one that is not installed. */
export interface DataplaneCheckOptions {
  /** A path, or "-" for stdin. */
  readonly file: string;
  readonly json: boolean;
  /** What `--dataplane-var` gives the placeholders, by their names. */
  readonly values: ReadonlyMap<string, string>;
  readonly bpffsPath: string | undefined;
}
