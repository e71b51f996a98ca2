// SPDX-License-Identifier: Apache-2.0
import type { Address, Prefix } from "./address.ts";

/** A network interface of the namespace the program runs in. */
export interface InterfaceFact {
  readonly name: string;
  /** Its number in this network namespace, from 1 (the loopback interface) up. */
  readonly index: number;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  readonly loopback: boolean;
  readonly addresses: readonly Address[];
}

/**
 * An entry of the kernel's routing table `local`: what is delivered here, and what is broadcast. Anycast: an address that
 * other hosts have as well, such as the one of all routers of a network (RFC 4291, 2.6.1), which a host that forwards has.
 */
export interface LocalRouteFact {
  readonly prefix: Prefix;
  readonly kind: "local" | "broadcast" | "anycast";
}

/** A user of the system. */
export interface UserFact {
  readonly name: string | undefined;
  /** 0–4294967294. */
  readonly uid: number;
}

/** The network namespace the program runs in. */
export interface NetnsFact {
  /** Inode number of /proc/thread-self/ns/net: unique while the namespace lives. */
  readonly inode: number;
  /**
   * The kernel's cookie of the namespace: never used twice in one boot. Undefined where the kernel does not tell it
   * (src/engine/netns.ts).
   */
  readonly cookie: bigint | undefined;
}

/** What a plan is made from, apart from the configuration: what this host is like right now. */
export interface HostFacts {
  readonly kernelRelease: string;
  readonly netns: NetnsFact;
  readonly interfaces: readonly InterfaceFact[];
  readonly localRoutes: readonly LocalRouteFact[];
  readonly proxyUser: UserFact;
  /** The name servers of resolv.conf, in its order; empty where nobody asked for them. */
  readonly nameservers: readonly Address[];
}

/** A way in which people administer this host from another one: SSH. */
export interface SshAccess {
  /** Somebody may come in, or somebody has. */
  readonly kind: "server" | "session";
  /** Of this host; a server's may be unspecified (0.0.0.0, ::). v4-mapped ones as IPv4. */
  readonly address: Address;
  /** 1–65535. */
  readonly port: number;
  /** Of a server on `::`: it takes no IPv4. Undefined: it does, or the kernel does not tell. */
  readonly isIpv6Only?: boolean | undefined;
  /** Where a session comes from. */
  readonly peer: Address | undefined;
  /** Whose socket it is, for people: "sshd, process 812". Several may have the same one. */
  readonly holder: string;
}

/** A TCP socket in state LISTEN in this network namespace. */
export interface ListenerFact {
  readonly address: Address;
  /** 1–65535. */
  readonly port: number;
  readonly uid: number;
  readonly inode: number;
}
