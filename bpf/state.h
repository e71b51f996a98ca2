/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The layouts of what outlives a change of version: these, and state-maps.h.
 *
 * The object carries a hash of the two files, apart from its version. Where it
 * is the same, another version goes on with these maps. So whoever changes what
 * a field means, and not the field, changes this number.
 */
#ifndef STATE_H
#define STATE_H

#define TP_STATE_REVISION 1

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

/*
 * Sockets that asked more than one name server, times these servers but the
 * first. The least recently used goes: its answer is lost, as datagrams
 * may be.
 */
#define TP_ANSWERS 32768

/*
 * SYNs that tc has seen and whose listener the kernel has not looked for yet: some
 * microseconds later it does, for some dozens at once.
 */
#define TP_SYNS 4096

enum tp_role {
	TP_ROLE_NONE,
	TP_ROLE_CLIENT,		/* an application's socket (TCP, UDP), redirected */
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
	__u16 listener;			/* of a TCP client: the proxy's port, host byte order */
	__u16 pad;
};

/* A connection between client and proxy, as the client sees it. */
struct tp_tuple {
	struct tp_endpoint client;
	struct tp_endpoint proxy;
};

/*
 * What is handed over. The port is that of the installation that decided: where
 * it changes, no connection is decided by one and sent to the other's.
 */
struct tp_handshake {
	struct tp_endpoint original;	/* where the connection was going */
	__u16 listener;			/* the proxy's port, host byte order */
	__u16 pad;
};

/* Where the proxy listens, if it is one address only; zero: on all of them. */
struct tp_listening {
	__be32 addr4[TP_DIRECTIONS];
};

/*
 * Where an answer of the DNS proxy goes, if it is for a socket that asked
 * several name servers: dns.h.
 */
struct tp_answer {
	struct tp_endpoint server;	/* who was asked */
	struct tp_endpoint client;	/* the socket's own end */
};

#endif
