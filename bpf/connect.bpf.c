// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * connect4 and connect6: where an outbound connection goes.
 *
 * An AF_INET6 socket with a v4-mapped destination comes through connect6 and
 * is decided like any other IPv4 connection.
 */
#include "common.h"

#define SOCK_STREAM 1
#define LOOPBACK_IFINDEX 1

#define ALLOW 1
#define REFUSE 0

/*
 * One address and port of the proxy holds as many connections as there are
 * ephemeral ports, 28 232 by default. In IPv4 they are spread over these 1024
 * loopback addresses, none of which anybody is known to use.
 */
#define SPREAD_NET 0x7f560000 /* 127.86.0.0/22 */
#define SPREAD_MASK 0x3ff

enum verdict {
	UNTOUCHED,
	TO_OUTBOUND,
	TO_INBOUND,
};

static __always_inline bool is_unicast(const struct tp_endpoint *to)
{
	if (is_mapped(to))
		return bpf_ntohl(to->addr[3]) >> 28 != 0xe &&
		       to->addr[3] != 0xffffffff;
	return bpf_ntohl(to->addr[0]) >> 24 != 0xff;
}

/* 127.0.0.1 or ::1: where everybody reaches the host itself. */
static __always_inline bool is_localhost(const struct tp_endpoint *to)
{
	return is_loopback_range(to) &&
	       (!is_mapped(to) || to->addr[3] == bpf_htonl(0x7f000001));
}

/* 127.0.0.6 or ::6: what the proxy binds to when it calls its own application. */
static __always_inline bool is_passthrough(const struct tp_endpoint *from)
{
	if (is_mapped(from))
		return from->addr[3] == bpf_htonl(0x7f000006);
	return !from->addr[0] && !from->addr[1] && !from->addr[2] &&
	       from->addr[3] == bpf_htonl(6);
}

/* The proxy's own connections to this host's addresses go to its inbound port. */
static __always_inline enum verdict decide_self(const struct tp_endpoint *from,
						const struct tp_endpoint *to)
{
	if (!tp_config.redirect[TP_INBOUND] || !tp_config.redirect[TP_OUTBOUND])
		return UNTOUCHED;
	if (is_localhost(to)) {
		count(TP_OUTBOUND_PROXY_USER);
		return UNTOUCHED;
	}
	if (is_passthrough(from)) {
		count(TP_SELF_PASSTHROUGH);
		return UNTOUCHED;
	}
	/* As the rules of iptables: ports that are included say nothing of these. */
	if (!tp_config.outbound_included &&
	    !is_redirected_port(TP_OUTBOUND, bpf_ntohs(to->port))) {
		count(TP_OUTBOUND_EXCLUDED_PORT);
		return UNTOUCHED;
	}
	return TO_INBOUND;
}

static __always_inline enum verdict decide(const struct tp_endpoint *from,
					   const struct tp_endpoint *to)
{
	bool by_proxy = (__u32)bpf_get_current_uid_gid() == tp_config.proxy_uid;
	__u32 kind = is_loopback_range(to) ? TP_ADDRESS_LOCAL : address_kind(to);

	if (kind & TP_ADDRESS_LOCAL) {
		if (by_proxy)
			return decide_self(from, to);
		count(TP_OUTBOUND_LOCAL);
		return UNTOUCHED;
	}
	if (by_proxy) {
		count(TP_OUTBOUND_PROXY_USER);
		return UNTOUCHED;
	}
	if (!tp_config.redirect[TP_OUTBOUND])
		return UNTOUCHED;
	if (kind & TP_ADDRESS_BROADCAST || !is_unicast(to)) {
		count(TP_OUTBOUND_NOT_UNICAST);
		return UNTOUCHED;
	}
	if (!is_redirected_port(TP_OUTBOUND, bpf_ntohs(to->port))) {
		count(TP_OUTBOUND_EXCLUDED_PORT);
		return UNTOUCHED;
	}
	return TO_OUTBOUND;
}

static __always_inline void choose_proxy4(struct tp_endpoint *proxy,
					  enum tp_direction direction)
{
	__u32 zero = 0;
	struct tp_listening *at = bpf_map_lookup_elem(&tp_listening, &zero);
	__be32 addr = at ? at->addr4[direction] : 0;

	if (!addr)
		addr = bpf_htonl(SPREAD_NET | (bpf_get_prandom_u32() & SPREAD_MASK));
	set_mapped(proxy, addr, bpf_htons(tp_config.ports[direction]));
}

/*
 * IPv6 has one loopback address. There the port is what is spread: the
 * sk_lookup program brings these connections to the proxy's listener.
 */
static __always_inline void choose_proxy6(struct tp_endpoint *proxy,
					  enum tp_direction direction)
{
	__u16 port = tp_config.ports[direction];

	if (tp_config.lookup)
		port = SPREAD_PORTS | direction << SPREAD_DIRECTION_SHIFT |
		       (bpf_get_prandom_u32() & SPREAD_CHOICE_MASK);
	__builtin_memset(proxy, 0, sizeof(*proxy));
	proxy->addr[3] = bpf_htonl(1);
	proxy->port = bpf_htons(port);
}

/*
 * Decides, and remembers where a redirected socket was going. @redirected is the
 * socket's storage, or 0 for a connection that is left alone; false: refuse it.
 */
static __always_inline bool process(struct bpf_sock_addr *ctx,
				    const struct tp_endpoint *from,
				    const struct tp_endpoint *to,
				    struct tp_socket **redirected)
{
	enum verdict verdict = decide(from, to);
	enum tp_direction direction = verdict == TO_OUTBOUND ? TP_OUTBOUND : TP_INBOUND;
	__u32 device = ctx->sk->bound_dev_if;
	struct tp_socket *socket;

	*redirected = 0;
	if (verdict == UNTOUCHED)
		return true;
	/* Loopback cannot be reached from another device: say no, do not hang. */
	if (device && device != LOOPBACK_IFINDEX) {
		count(TP_OUTBOUND_DEVICE_BOUND);
		return false;
	}
	socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0,
				    BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket) {
		count(TP_OUTBOUND_NO_MEMORY);
		return false;
	}
	socket->role = TP_ROLE_CLIENT;
	socket->direction = direction;
	socket->original = *to;
	if (is_mapped(to))
		choose_proxy4(&socket->proxy, direction);
	else
		choose_proxy6(&socket->proxy, direction);
	count(direction == TP_OUTBOUND ? TP_OUTBOUND_REDIRECTED : TP_SELF_REDIRECTED);
	*redirected = socket;
	return true;
}

static __always_inline bool is_ours(struct bpf_sock_addr *ctx)
{
	return ctx->type == SOCK_STREAM && ctx->protocol == IPPROTO_TCP &&
	       bpf_get_netns_cookie(ctx) == tp_config.netns_cookie;
}

/* Destination 0.0.0.0: the kernel takes the socket's own address, or localhost. */
static __always_inline __be32 resolve_any4(__be32 to, __be32 from)
{
	if (to)
		return to;
	return from ? from : bpf_htonl(0x7f000001);
}

SEC("cgroup/connect4")
int tp_connect4(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from, to;
	struct tp_socket *socket;

	if (!is_ours(ctx))
		return ALLOW;
	set_mapped(&from, take(ctx->sk->src_ip4), 0);
	set_mapped(&to, resolve_any4(take(ctx->user_ip4), from.addr[3]), ctx->user_port);
	if (!process(ctx, &from, &to, &socket))
		return REFUSE;
	if (!socket)
		return ALLOW;
	ctx->user_ip4 = socket->proxy.addr[3];
	keep_apart();
	ctx->user_port = socket->proxy.port;
	return ALLOW;
}

static __always_inline void read_addresses6(struct bpf_sock_addr *ctx,
					    struct tp_endpoint *from,
					    struct tp_endpoint *to)
{
	take_ip6(from->addr, ctx->sk->src_ip6);
	from->port = 0;
	from->pad = 0;
	take_ip6(to->addr, ctx->user_ip6);
	to->port = ctx->user_port;
	to->pad = 0;
	if (is_mapped(to)) {
		/* A socket that is not bound has :: as its own address. */
		set_mapped(from, is_mapped(from) ? from->addr[3] : 0, 0);
		to->addr[3] = resolve_any4(to->addr[3], from->addr[3]);
	} else if (!to->addr[0] && !to->addr[1] && !to->addr[2] && !to->addr[3]) {
		to->addr[3] = bpf_htonl(1);
	}
}

SEC("cgroup/connect6")
int tp_connect6(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from, to;
	struct tp_socket *socket;

	if (!is_ours(ctx))
		return ALLOW;
	read_addresses6(ctx, &from, &to);
	if (!tp_config.ipv6 && !is_mapped(&to))
		return ALLOW;
	if (!process(ctx, &from, &to, &socket))
		return REFUSE;
	if (!socket)
		return ALLOW;
	give_ip6(ctx->user_ip6, socket->proxy.addr);
	ctx->user_port = socket->proxy.port;
	return ALLOW;
}
