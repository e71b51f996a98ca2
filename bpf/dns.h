/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * DNS over UDP: which queries go to the DNS proxy, at 127.0.0.1 or ::1, and whom
 * its answers seem to come from.
 *
 * A socket remembers the first name server that it asked: what comes to it from
 * the DNS proxy is that one's answer. A socket that is not connected may ask
 * others, too. These queries leave from an address that is made up for the
 * server, the tag. The proxy's answer goes there; its sendmsg hook knows the tag
 * and sends it to the socket instead, from the tag, which the socket's recvmsg
 * hook turns into the server. Nothing has to be guessed, in whatever order
 * the answers come.
 */
#ifndef DNS_H
#define DNS_H

#include "exclusions.h"
#include "listening.h"

#define DNS_PORT 53

/* 127.128.0.0/9: local, as the kernel wants the source of an IPv4 packet to be. */
#define TAG_NET4 0x7f800000
#define TAG_MASK4 0x7fffff

/* 100::/64 is for what shall be discarded (RFC 6666), should it ever get out. */
#define TAG_NET6_FIRST 0x01000000
#define TAG_NET6_THIRD 0x74700000

/* Two servers with one tag and one port of a socket: take the next tag. */
#define TAG_TRIES 4
#define TAG_STEP 0x9e3779b1

static __always_inline bool is_ours(struct bpf_sock_addr *ctx, __u32 type, __u32 protocol)
{
	return ctx->type == type && ctx->protocol == protocol &&
	       bpf_get_netns_cookie(ctx) == tp_config.netns_cookie;
}

static __always_inline bool is_tag(const struct tp_endpoint *endpoint)
{
	if (is_mapped(endpoint))
		return (bpf_ntohl(endpoint->addr[3]) & ~TAG_MASK4) == TAG_NET4;
	return endpoint->addr[0] == bpf_htonl(TAG_NET6_FIRST) && !endpoint->addr[1] &&
	       endpoint->addr[2] == bpf_htonl(TAG_NET6_THIRD);
}

static __always_inline void set_localhost(struct tp_endpoint *endpoint, bool mapped,
					  __be16 port)
{
	if (mapped) {
		set_mapped(endpoint, bpf_htonl(0x7f000001), port);
		return;
	}
	__builtin_memset(endpoint, 0, sizeof(*endpoint));
	endpoint->addr[3] = bpf_htonl(1);
	endpoint->port = port;
}

static __always_inline enum tp_dns dns_mode(const struct tp_endpoint *to)
{
	return is_mapped(to) ? tp_config.dns4 : tp_config.dns6;
}

static __always_inline bool is_server(const struct tp_endpoint *to)
{
	struct tp_server key;

	key.addr[0] = to->addr[0];
	key.addr[1] = to->addr[1];
	key.addr[2] = to->addr[2];
	key.addr[3] = to->addr[3];
	return bpf_map_lookup_elem(&tp_dns_servers, &key);
}

/* Each query is asked about for itself: nothing is remembered of one that is let pass. */
static __always_inline bool passes_dns_proxy(struct bpf_sock_addr *ctx, bool mapped)
{
	struct tp_endpoint proxy;

	if (!tp_config.bypass)
		return false;
	set_localhost(&proxy, mapped, bpf_htons(tp_config.dns_port));
	if (is_udp_listener(ctx, &proxy))
		return false;
	count(TP_DNS_BYPASSED);
	return true;
}

/* Local name servers are no exception: 127.0.0.53 is often the only one. */
static __always_inline bool goes_to_dns_proxy(struct bpf_sock_addr *ctx,
					      const struct tp_endpoint *to)
{
	enum tp_dns mode = dns_mode(to);
	__u32 uid;

	if (mode == TP_DNS_NONE || to->port != bpf_htons(DNS_PORT))
		return false;
	uid = bpf_get_current_uid_gid();
	if (is_excluded_user(TP_UDP, uid, to->port)) {
		count(TP_DNS_EXCLUDED_USER);
		return false;
	}
	if (is_excluded_address(TP_OUTBOUND, to)) {
		count(TP_DNS_EXCLUDED_ADDRESS);
		return false;
	}
	if (uid == tp_config.proxy_uid) {
		count(TP_DNS_PROXY_USER);
		return false;
	}
	if (mode != TP_DNS_ALL && !is_server(to)) {
		count(TP_DNS_OTHER_SERVER);
		return false;
	}
	return !passes_dns_proxy(ctx, is_mapped(to));
}

/*
 * The storage of a socket that asks the DNS proxy instead of a name server; 0: no
 * query can leave it. Loopback cannot be reached from another device.
 */
static __always_inline struct tp_socket *remember_client(struct bpf_sock_addr *ctx)
{
	__u32 device = ctx->sk->bound_dev_if;
	struct tp_socket *socket;

	if (device && device != LOOPBACK_IFINDEX) {
		count(TP_DNS_DEVICE_BOUND);
		return 0;
	}
	socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0,
				    BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		count(TP_DNS_NO_MEMORY);
	return socket;
}

static __always_inline void remember_server(struct tp_socket *socket,
					    const struct tp_endpoint *server)
{
	socket->role = TP_ROLE_CLIENT;
	socket->direction = TP_OUTBOUND;
	socket->original = *server;
	set_localhost(&socket->proxy, is_mapped(server), bpf_htons(tp_config.dns_port));
}

#endif
