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

/*
 * Slots for listening sockets, per family and direction. One live socket of a
 * group with SO_REUSEPORT is enough: the kernel chooses among them.
 */
#define TP_LISTENER_SLOTS 64

/*
 * Handshakes in flight at the same time. Entries are allocated one by one;
 * what an idle instance pays for is the table of buckets, 16 bytes each.
 */
#define TP_HANDSHAKES 131072

/* Why a connection was treated the way it was: the index of its counter. */
enum tp_reason {
	/* Outbound: decided by the connect hooks. */
	TP_OUTBOUND_REDIRECTED,
	TP_OUTBOUND_PROXY_USER,		/* untouched: opened by the proxy */
	TP_OUTBOUND_LOCAL,		/* untouched: application to this host */
	TP_OUTBOUND_EXCLUDED_PORT,	/* untouched */
	TP_OUTBOUND_NOT_UNICAST,	/* left to the kernel, which refuses it */
	TP_OUTBOUND_DEVICE_BOUND,	/* refused: SO_BINDTODEVICE */
	TP_OUTBOUND_NO_MEMORY,		/* refused: no room to remember it */
	TP_OUTBOUND_HANDSHAKES_FULL,	/* its destination could not be handed over */
	/* The proxy calling this host's own addresses. */
	TP_SELF_REDIRECTED,		/* to the inbound port */
	TP_SELF_PASSTHROUGH,		/* untouched: from 127.0.0.6 or ::6 */
	/* Inbound. */
	TP_INBOUND_REDIRECTED,		/* accepted by the proxy */
	TP_INBOUND_SYN_TC,		/* SYNs steered by the tc program */
	TP_INBOUND_SYN_LOOKUP,		/* SYNs steered by the sk_lookup program */
	TP_INBOUND_EXCLUDED_PORT,	/* untouched */
	TP_INBOUND_OTHER_ADDRESS,	/* untouched: no address of this instance */
	TP_INBOUND_NO_LISTENER,		/* refused: the proxy does not listen */
	TP_INBOUND_BAD_FRAGMENT,	/* dropped: a fragment that hides a SYN */
	TP_REASON_COUNT,
};

enum tp_role {
	TP_ROLE_NONE,
	TP_ROLE_CLIENT,		/* an application's socket, redirected */
	TP_ROLE_LISTENER,	/* the proxy's, or just accepted from one */
	TP_ROLE_ACCEPTED,	/* the proxy's end of a redirected socket */
	TP_ROLE_ARRIVED,	/* accepted on the proxy's own inbound port */
};

enum tp_direction {
	TP_OUTBOUND,
	TP_INBOUND,
	TP_DIRECTIONS,
};

/* IPv4 addresses are v4-mapped (::ffff:a.b.c.d). All in network byte order. */
struct tp_endpoint {
	__be32 addr[4];
	__be16 port;
	__u16 pad;
};

/* What is known of a socket; lives and dies with it (BPF_MAP_TYPE_SK_STORAGE). */
struct tp_socket {
	enum tp_role role;
	enum tp_direction direction;
	struct tp_endpoint original;	/* where the connection was going */
	struct tp_endpoint proxy;	/* where the client was sent instead */
};

/* A connection between client and proxy, as the client sees it. */
struct tp_tuple {
	struct tp_endpoint client;
	struct tp_endpoint proxy;
};

/* Where the proxy listens, if it is one address only; zero: on all of them. */
struct tp_listening {
	__be32 addr4[TP_DIRECTIONS];
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
	enum tp_reason counters;	/* how many there are: TP_REASON_COUNT */
};

/* A set of ports, one bit each: port p is bit p % 8 of byte p / 8. */
struct tp_ports {
	__u8 bits[8192];
};

#endif
