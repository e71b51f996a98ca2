// SPDX-License-Identifier: Apache-2.0
import type { Address, Prefix } from "../core/address.ts";
import type { NumberRange } from "../core/ranges.ts";

/** What the user asked for, complete and checked as far as that goes without looking at the host. Deeply frozen. */
export interface Config {
  /** A user's name or number; "" for UID 5678, and where nobody has that, the user kuma-dp. */
  readonly kumaDPUser: string;
  readonly ipFamilyMode: IpFamilyMode;
  /** "": iptables, or with `ebpf.enabled` eBPF where it works and iptables where it does not. */
  readonly engine: EngineChoice;
  readonly dryRun: boolean;
  readonly verbose: boolean;
  readonly redirect: {
    readonly inbound: DirectionConfig;
    readonly outbound: OutboundConfig;
    readonly dns: DnsConfig;
    readonly vnet: { readonly networks: readonly VirtualNetwork[] };
    readonly whenProxyDown: WhenProxyDown;
  };
  readonly ebpf: EbpfConfig;
  readonly dropInvalidPackets: boolean;
  /** iptables: firewalld keeps the rules as well, and brings them back when it starts. */
  readonly storeFirewalld: boolean;
  readonly log: {
    readonly enabled: boolean;
    /** Of syslog, 0–7. */
    readonly level: number;
  };
  readonly comments: { readonly disabled: boolean };
  /** Seconds that iptables-legacy waits for the xtables lock; 0: it is not told to wait. */
  readonly wait: number;
  /** Microseconds between its tries; 0: its own choice. */
  readonly waitInterval: number;
  readonly retry: {
    /** After the first try. */
    readonly maxRetries: number;
    readonly sleepBetweenRetriesMs: number;
  };
  /** Absolute paths by name. All three names of a family, or none of them. */
  readonly iptablesExecutables: Readonly<Partial<Record<IptablesExecutable, string>>>;
}

export type IpFamilyMode = "dualstack" | "ipv4";

/** What becomes of connections and queries while nobody listens where they are sent: refused, or left alone. */
export type WhenProxyDown = "refuse" | "bypass";

export type EngineChoice = "" | "auto" | "ebpf" | "iptables";

export const IPTABLES_EXECUTABLES = [
  "iptables",
  "iptables-save",
  "iptables-restore",
  "ip6tables",
  "ip6tables-save",
  "ip6tables-restore",
] as const;
export type IptablesExecutable = (typeof IPTABLES_EXECUTABLES)[number];

export interface OutboundConfig extends DirectionConfig {
  /** `proto:ports:uids`, in the order given; without a protocol: one of tcp, then one of udp. */
  readonly excludePortsForUIDs: readonly UserExclusion[];
}

/** Connections (tcp) or datagrams (udp) of some users to some ports: left alone. */
export interface UserExclusion {
  readonly protocol: "tcp" | "udp";
  /** Destination ports, 1–65535; never empty. */
  readonly ports: readonly NumberRange[];
  /** 0–4294967294; never empty. */
  readonly uids: readonly NumberRange[];
}

export interface DnsConfig {
  /** Datagrams to the name servers of resolv.conf go to the DNS proxy. */
  readonly enabled: boolean;
  /** The DNS proxy's port, 1–65535. */
  readonly port: number;
  /** Not only those: all to port 53. */
  readonly captureAll: boolean;
  readonly skipConntrackZoneSplit: boolean;
  /** Absolute path. */
  readonly resolvConfigPath: string;
}

/** A network behind an interface of this host: what it sends elsewhere goes to the outbound port. */
export interface VirtualNetwork {
  /** An interface's name, or the beginning of names and `+`. */
  readonly interface: string;
  /** Destinations in it are left alone. */
  readonly prefix: Prefix;
}

export interface DirectionConfig {
  readonly enabled: boolean;
  /** The proxy's port, 1–65535. */
  readonly port: number;
  /** Only connections to these ports (1–65535, ascending) are redirected; none: to all ports. */
  readonly includePorts: readonly number[];
  /** Connections to these ports (1–65535, ascending) are left alone. Without effect beside includePorts. */
  readonly excludePorts: readonly number[];
  /** Outbound: destinations that are left alone; inbound: sources. */
  readonly excludePortsForIPs: readonly Prefix[];
  /** iptables: the jump to our chain goes before other tools' rules, not behind them. */
  readonly insertRedirectInsteadOfAppend: boolean;
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
