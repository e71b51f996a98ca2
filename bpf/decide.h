/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Where an outbound TCP connection goes. In the order of the rules of iptables,
 * so that what is excluded covers what the proxy's user sends, too.
 */
#ifndef DECIDE_H
#define DECIDE_H

#include "dns.h"

enum verdict {
	UNTOUCHED,
	TO_OUTBOUND,
	TO_INBOUND,
};

static __always_inline bool is_unicast(const struct tp_endpoint *to)
{
	if (is_mapped(to))
		return bpf_ntohl(to->addr[3]) >> 28 != 0xe &&
		       to->addr[3] != 0xffffffff &&
		       to->addr[3] != bpf_htonl(0x7fffffff);
	return bpf_ntohl(to->addr[0]) >> 24 != 0xff;
}

static __always_inline bool is_passthrough6(const struct tp_endpoint *endpoint)
{
	return !endpoint->addr[0] && !endpoint->addr[1] && !endpoint->addr[2] &&
	       endpoint->addr[3] == bpf_htonl(6);
}

/*
 * 127.0.0.6 or ::6: what the proxy binds to when it calls its own application. To
 * ::6 the kernel goes from ::6, where no other address was chosen (RFC 6724, rule 1).
 */
static __always_inline bool is_passthrough(const struct tp_endpoint *from,
					   const struct tp_endpoint *to)
{
	if (is_mapped(to))
		return is_mapped(from) && from->addr[3] == bpf_htonl(0x7f000006);
	if (is_any6(from))
		return is_passthrough6(to);
	return is_passthrough6(from);
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
	if (is_passthrough(from, to)) {
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
	__u32 uid = bpf_get_current_uid_gid();
	bool by_proxy = uid == tp_config.proxy_uid;
	__u32 kind;

	if (is_excluded_user(TP_TCP, uid, to->port)) {
		count(TP_OUTBOUND_EXCLUDED_USER);
		return UNTOUCHED;
	}
	if (is_excluded_address(TP_OUTBOUND, to)) {
		count(TP_OUTBOUND_EXCLUDED_ADDRESS);
		return UNTOUCHED;
	}
	if (!is_unicast(to)) {
		count(TP_OUTBOUND_NOT_UNICAST);
		return UNTOUCHED;
	}
	kind = is_loopback_range(to) ? TP_ADDRESS_LOCAL : address_kind(to);

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
	if (dns_mode(to) != TP_DNS_NONE && to->port == bpf_htons(DNS_PORT)) {
		count(TP_OUTBOUND_DNS_TCP);
		return UNTOUCHED;
	}
	if (kind & TP_ADDRESS_BROADCAST) {
		count(TP_OUTBOUND_NOT_UNICAST);
		return UNTOUCHED;
	}
	if (!is_redirected_port(TP_OUTBOUND, bpf_ntohs(to->port))) {
		count(TP_OUTBOUND_EXCLUDED_PORT);
		return UNTOUCHED;
	}
	return TO_OUTBOUND;
}

#endif
