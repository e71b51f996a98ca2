// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * connect4 and connect6: where an outbound connection goes, and which UDP sockets
 * ask the DNS proxy from then on.
 *
 * An AF_INET6 socket with a v4-mapped destination comes through connect6 and
 * is decided like any other IPv4 connection.
 */
#include "decide.h"

/*
 * One address and port of the proxy holds as many connections as there are
 * ephemeral ports, 28 232 by default. In IPv4 they are spread over these 1024
 * loopback addresses, none of which anybody is known to use.
 */
#define SPREAD_NET 0x7f560000 /* 127.86.0.0/22 */
#define SPREAD_MASK 0x3ff

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

static __always_inline void choose_proxy(struct tp_endpoint *proxy, bool mapped,
					 enum tp_direction direction)
{
	if (mapped)
		choose_proxy4(proxy, direction);
	else
		choose_proxy6(proxy, direction);
}

/* What only a program of ours chooses, of whichever version: it may keep no state that we know. */
static __always_inline bool is_spread4(const struct tp_endpoint *to)
{
	return is_mapped(to) &&
	       (bpf_ntohl(to->addr[3]) & ~SPREAD_MASK) == SPREAD_NET &&
	       to->port == bpf_htons(tp_config.ports[TP_INBOUND]);
}

/*
 * Whether a program of ours in another cgroup has redirected it already: while an
 * installation moves from there to here. An application's it would leave alone.
 */
static __always_inline bool is_redirected(struct bpf_sock_addr *ctx,
					  const struct tp_endpoint *to)
{
	struct tp_socket *socket;

	if (is_spread4(to))
		return true;
	socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0, 0);
	return socket && socket->role == TP_ROLE_CLIENT &&
	       same_endpoint(&socket->proxy, to);
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
	struct tp_endpoint proxy;
	struct tp_socket *socket;

	*redirected = 0;
	if (verdict == UNTOUCHED || (verdict == TO_INBOUND && is_redirected(ctx, to)))
		return true;
	choose_proxy(&proxy, is_mapped(to), direction);
	if (tp_config.bypass && !is_tcp_listener(ctx, &proxy)) {
		count(direction == TP_OUTBOUND ? TP_OUTBOUND_BYPASSED : TP_SELF_BYPASSED);
		return true;
	}
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
	socket->proxy = proxy;
	socket->listener = tp_config.ports[direction];
	count(direction == TP_OUTBOUND ? TP_OUTBOUND_REDIRECTED : TP_SELF_REDIRECTED);
	*redirected = socket;
	return true;
}

/* A UDP socket that asks one name server: connected, it gets its answers alone. */
static __always_inline bool process_dns(struct bpf_sock_addr *ctx,
					const struct tp_endpoint *from,
					const struct tp_endpoint *to,
					struct tp_socket **redirected)
{
	*redirected = 0;
	/* What comes from a tag would be taken for a name server's answer. */
	if (is_tag(from))
		return false;
	if (!goes_to_dns_proxy(ctx, to))
		return true;
	*redirected = remember_client(ctx);
	if (!*redirected)
		return false;
	remember_server(*redirected, to);
	count(TP_DNS_REDIRECTED);
	return true;
}

static __always_inline bool redirects_dns(void)
{
	return tp_config.dns4 != TP_DNS_NONE || tp_config.dns6 != TP_DNS_NONE;
}

SEC("cgroup/connect4")
int tp_connect4(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from, to;
	struct tp_socket *socket;
	bool tcp = is_ours(ctx, SOCK_STREAM, IPPROTO_TCP);

	if (!tcp && !(redirects_dns() && is_ours(ctx, SOCK_DGRAM, IPPROTO_UDP)))
		return ALLOW;
	set_mapped(&from, take(ctx->sk->src_ip4), 0);
	set_mapped(&to, resolve_any4(take(ctx->user_ip4), from.addr[3]), ctx->user_port);
	if (!(tcp ? process(ctx, &from, &to, &socket) : process_dns(ctx, &from, &to, &socket)))
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
	if (is_mapped(from) && is_any6(to)) {
		set_mapped(to, bpf_htonl(0x7f000001), ctx->user_port);
	} else if (is_mapped(to)) {
		/* A socket that is not bound has :: as its own address. */
		set_mapped(from, is_mapped(from) ? from->addr[3] : 0, 0);
		to->addr[3] = resolve_any4(to->addr[3], from->addr[3]);
	} else {
		resolve_any6(to);
	}
}

SEC("cgroup/connect6")
int tp_connect6(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from, to;
	struct tp_socket *socket;
	bool tcp = is_ours(ctx, SOCK_STREAM, IPPROTO_TCP);

	if (!tcp && !(redirects_dns() && is_ours(ctx, SOCK_DGRAM, IPPROTO_UDP)))
		return ALLOW;
	read_addresses6(ctx, &from, &to);
	if (!tp_config.ipv6 && !is_mapped(&to))
		return ALLOW;
	if (!(tcp ? process(ctx, &from, &to, &socket) : process_dns(ctx, &from, &to, &socket)))
		return REFUSE;
	if (!socket)
		return ALLOW;
	give_ip6(ctx->user_ip6, socket->proxy.addr);
	ctx->user_port = socket->proxy.port;
	return ALLOW;
}
