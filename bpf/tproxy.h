/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the programs and the TypeScript side share: the layouts of maps and of
 * the read-only configuration, and the numbers in them.
 *
 * TypeScript never repeats these: scripts/gen-layouts.ts reads them from the
 * BTF of the object. Every struct and enum for it begins with "tp_".
 */
#ifndef TPROXY_H
#define TPROXY_H

#include <linux/types.h>

#include "state.h"

/* Why a connection was treated the way it was: the index of its counter. */
enum tp_reason {
	/* Outbound: decided by the connect hooks. */
	TP_OUTBOUND_REDIRECTED,
	TP_OUTBOUND_PROXY_USER,		/* untouched: opened by the proxy */
	TP_OUTBOUND_LOCAL,		/* untouched: application to this host */
	TP_OUTBOUND_EXCLUDED_PORT,	/* untouched */
	TP_OUTBOUND_EXCLUDED_USER,	/* untouched: this user, this port */
	TP_OUTBOUND_EXCLUDED_ADDRESS,	/* untouched */
	TP_OUTBOUND_DNS_TCP,		/* untouched: where DNS is redirected, not over TCP */
	TP_OUTBOUND_NOT_UNICAST,	/* left to the kernel, which refuses it */
	TP_OUTBOUND_DEVICE_BOUND,	/* refused: SO_BINDTODEVICE */
	TP_OUTBOUND_NO_MEMORY,		/* refused: no room to remember it */
	TP_OUTBOUND_HANDSHAKES_FULL,	/* its destination could not be handed over */
	TP_OUTBOUND_BYPASSED,		/* untouched: the proxy does not listen */
	/* The proxy calling this host's own addresses. */
	TP_SELF_REDIRECTED,		/* to the inbound port */
	TP_SELF_PASSTHROUGH,		/* untouched: from 127.0.0.6 or ::6 */
	TP_SELF_BYPASSED,		/* untouched: the proxy does not listen */
	/*
	 * Inbound. Without tc these are look-ups for a listener: connections, and what
	 * arrives for one that is gone.
	 */
	TP_INBOUND_REDIRECTED,		/* accepted by the proxy */
	TP_INBOUND_SYN_TC,		/* SYNs steered by the tc program */
	TP_INBOUND_SYN_LOOKUP,		/* SYNs steered by the sk_lookup program */
	TP_INBOUND_EXCLUDED_PORT,	/* untouched */
	TP_INBOUND_EXCLUDED_ADDRESS,	/* untouched: the client's */
	TP_INBOUND_OTHER_ADDRESS,	/* untouched: no address of this instance */
	TP_INBOUND_NO_LISTENER,		/* refused: the proxy does not listen */
	TP_INBOUND_BYPASSED,		/* untouched: the proxy does not listen */
	TP_INBOUND_BAD_FRAGMENT,	/* dropped: a fragment, or headers, that can hide a SYN */
	TP_INBOUND_NO_MEMORY,		/* dropped: no room to tell sk_lookup of it */
	/* DNS: connected sockets, or queries of those that are not. */
	TP_DNS_REDIRECTED,
	TP_DNS_PROXY_USER,		/* untouched: asked by the proxy */
	TP_DNS_EXCLUDED_USER,		/* untouched: this user, this port */
	TP_DNS_EXCLUDED_ADDRESS,	/* untouched */
	TP_DNS_OTHER_SERVER,		/* untouched: not of resolv.conf */
	TP_DNS_DEVICE_BOUND,		/* refused: SO_BINDTODEVICE */
	TP_DNS_NO_MEMORY,		/* refused: no room to remember it */
	TP_DNS_BYPASSED,		/* untouched: the DNS proxy does not listen */
	TP_REASON_COUNT,
};

enum tp_protocol {
	TP_TCP,
	TP_UDP,
	TP_PROTOCOLS,
};

/* Which queries go to the DNS proxy. */
enum tp_dns {
	TP_DNS_NONE,
	TP_DNS_SERVERS,		/* those to the name servers of resolv.conf */
	TP_DNS_ALL,
};

struct tp_prefix4 {
	__u32 length;
	__be32 addr;
};

struct tp_prefix6 {
	__u32 length;
	__be32 addr[4];
};

/* What an address range is to this network namespace: a set of these bits. */
enum tp_address_kind {
	TP_ADDRESS_LOCAL = 1,		/* delivered to this namespace */
	TP_ADDRESS_INSTANCE = 2,	/* its inbound traffic is intercepted */
	TP_ADDRESS_BROADCAST = 4,
};

struct tp_address {
	enum tp_address_kind kind;
};

/*
 * What rules of iptables that stand beside the programs do with TCP that
 * arrives on an interface. Missing: the interface came after the installation.
 */
enum tp_network_kind {
	TP_NETWORK_NONE = 1,		/* nothing: no virtual network is there */
	TP_NETWORK_WITHIN,		/* nothing: it stays in the network */
	TP_NETWORK_ELSEWHERE,		/* to the proxy's outbound port */
};

/* Where a packet arrives, and where it goes. IPv4 v4-mapped. */
struct tp_network {
	__u32 length;
	__u32 ifindex;
	__be32 addr[4];
};

/*
 * The keys of what is left alone. All are prefixes (BPF_MAP_TYPE_LPM_TRIE), of
 * `length` bits from behind that field on: a look-up costs about the same
 * for one entry as for 100 000.
 */
struct tp_excluded4 {
	__u32 length;
	enum tp_direction direction;
	__be32 addr;
};

struct tp_excluded6 {
	__u32 length;
	enum tp_direction direction;
	__be32 addr[4];
};

/* A range of users, and the number of the set of ports that are theirs. */
struct tp_users {
	__u32 length;
	enum tp_protocol protocol;
	__be32 uid;
};

struct tp_port_set {
	__u32 number;
};

/* A range of ports in a set. */
struct tp_set_ports {
	__u32 length;
	__u32 set;
	__be16 port;
	__u16 pad;
};

/* IPv4 v4-mapped, as everywhere. */
struct tp_server {
	__be32 addr[4];
};

/* Constants of an installation; the verifier removes what they switch off. */
struct tp_config {
	__u64 netns_cookie;
	__u32 proxy_uid;
	__u32 inbound_ifindex;		/* 0: every interface but lo */
	__u16 ports[TP_DIRECTIONS];	/* the proxy's, host byte order */
	__u8 redirect[TP_DIRECTIONS];	/* 0 or 1 */
	__u8 ipv6;			/* 0: IPv6 is left alone */
	__u8 all_addresses;		/* inbound: do not ask for the destination */
	__u8 tc;			/* tc steers inbound SYNs */
	__u8 lookup;			/* the sk_lookup program is attached */
	__u8 lookup_knows_ifindex;	/* Linux 5.17 */
	__u8 sockops_knows_netns;	/* Linux 5.15 */
	__u8 outbound_included;		/* outbound ports were named, not excluded */
	__u8 excluded4[TP_DIRECTIONS];	/* 1: some addresses are excluded */
	__u8 excluded6[TP_DIRECTIONS];
	__u8 excluded_users[TP_PROTOCOLS]; /* 1: some users are excluded */
	__u8 bypass;			/* the proxy does not listen: leave alone, do not refuse */
	__u8 networks;			/* 1: there are virtual networks */
	/*
	 * Where rules for virtual networks send connections besides ports[TP_OUTBOUND],
	 * host byte order: to the port of before, while that changes. Else the same.
	 */
	__u16 networks_port;
	__u16 dns_port;			/* the DNS proxy's, host byte order */
	enum tp_dns dns4;
	enum tp_dns dns6;
	enum tp_reason counters;	/* how many there are: TP_REASON_COUNT */
};

/* A set of ports, one bit each: port p is bit p % 8 of byte p / 8. */
struct tp_ports {
	__u8 bits[8192];
};

#endif
