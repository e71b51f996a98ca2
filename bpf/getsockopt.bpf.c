// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* getsockopt(SO_ORIGINAL_DST): where the connection that was accepted was going. */
#include "common.h"

#define SOL_IP 0
#define SOL_IPV6 41
#define SO_ORIGINAL_DST 80 /* IP6T_SO_ORIGINAL_DST as well */

/*
 * What the kernel shows a program of an option's value is cut at a page. It
 * takes a length beyond that for an error unless the program sets it to 0,
 * which means "I did not look" (Linux 5.8).
 */
#define SMALLEST_PAGE 4096

#define OK 1

struct sockaddr4 {
	__u16 family;
	__be16 port;
	__be32 addr;
	__u8 zero[8];
};

struct sockaddr6 {
	__u16 family;
	__be16 port;
	__be32 flowinfo;
	__be32 addr[4];
	__u32 scope_id;
};

static __always_inline void answer4(struct bpf_sockopt *ctx,
				    const struct tp_endpoint *original)
{
	struct sockaddr4 *answer = ctx->optval;

	if (!is_mapped(original) || ctx->optlen < (__s32)sizeof(*answer) ||
	    (void *)(answer + 1) > ctx->optval_end)
		return;
	answer->family = AF_INET;
	answer->port = original->port;
	answer->addr = original->addr[3];
	__builtin_memset(answer->zero, 0, sizeof(answer->zero));
	ctx->optlen = sizeof(*answer);
	keep_apart();
	ctx->retval = 0;
}

static __always_inline void answer6(struct bpf_sockopt *ctx,
				    const struct tp_endpoint *original)
{
	struct sockaddr6 *answer = ctx->optval;

	if (is_mapped(original) || ctx->optlen < (__s32)sizeof(*answer) ||
	    (void *)(answer + 1) > ctx->optval_end)
		return;
	answer->family = AF_INET6;
	answer->port = original->port;
	answer->flowinfo = 0;
	answer->addr[0] = original->addr[0];
	answer->addr[1] = original->addr[1];
	answer->addr[2] = original->addr[2];
	answer->addr[3] = original->addr[3];
	answer->scope_id = 0;
	ctx->optlen = sizeof(*answer);
	keep_apart();
	ctx->retval = 0;
}

SEC("cgroup/getsockopt")
int tp_getsockopt(struct bpf_sockopt *ctx)
{
	struct tp_socket *socket;

	if (ctx->optname != SO_ORIGINAL_DST ||
	    (ctx->level != SOL_IP && ctx->level != SOL_IPV6)) {
		if (ctx->optlen > SMALLEST_PAGE)
			ctx->optlen = 0;
		return OK;
	}
	if (!ctx->sk)
		return OK;
	socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0, 0);
	if (!socket || (socket->role != TP_ROLE_ACCEPTED &&
			socket->role != TP_ROLE_ARRIVED))
		return OK;
	/*
	 * Rules may have redirected it, while iptables and eBPF take over from
	 * each other: then conntrack has answered, and knows better.
	 */
	if (socket->role == TP_ROLE_ARRIVED && !ctx->retval)
		return OK;
	if (ctx->level == SOL_IP)
		answer4(ctx, &socket->original);
	else
		answer6(ctx, &socket->original);
	return OK;
}
