// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * tc ingress: hands the SYN of an inbound connection to the socket the proxy
 * listens on. No packet is changed; the accepted socket's own address is where
 * the client was going.
 */
#include "exclusions.h"
#include "networks.h"

#include <linux/pkt_cls.h>

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

/* IPv6 extension headers: RFC 8200, and RFC 4302 for the authentication header. */
#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION 60
#define MAX_EXTENSIONS 8

#define IP_OFFSET_MASK 0x1fff
#define IP_MORE_FRAGMENTS 0x2000
#define IP6_MORE_FRAGMENTS 1

#define TCP_FLAGS_OFFSET 13
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct ip4_header {
	__u8 version_length;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

struct ip6_header {
	__be32 version_class_flow;
	__be16 payload_length;
	__u8 next;
	__u8 hop_limit;
	__be32 source[4];
	__be32 destination[4];
};

struct ip6_extension {
	__u8 next;
	__u8 length;
	__be16 offset; /* of a fragment header */
};

struct tcp_header {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgment;
	__u8 data_offset;
	__u8 flags;
	__be16 window;
};

struct packet {
	struct tp_endpoint from, to;
	__u32 transport;	/* offset of the TCP header from the IP header */
	__u32 fragment;		/* its offset in units of 8 bytes */
	bool more_fragments;
	bool is_tcp;
	bool is_obscure;	/* which transport header it has, if any, is not known */
};

static __always_inline bool load(struct __sk_buff *skb, __u32 offset, void *to,
				 __u32 length)
{
	return !bpf_skb_load_bytes_relative(skb, offset, to, length,
					    BPF_HDR_START_NET);
}

static __always_inline bool parse4(struct __sk_buff *skb, struct packet *packet)
{
	struct ip4_header ip;

	if (!load(skb, 0, &ip, sizeof(ip)))
		return false;
	packet->is_tcp = ip.protocol == IPPROTO_TCP;
	packet->transport = (ip.version_length & 0xf) * 4;
	packet->fragment = bpf_ntohs(ip.fragment) & IP_OFFSET_MASK;
	packet->more_fragments = bpf_ntohs(ip.fragment) & IP_MORE_FRAGMENTS;
	set_mapped(&packet->from, ip.source, 0);
	set_mapped(&packet->to, ip.destination, 0);
	return true;
}

static __always_inline bool is_extension(__u8 next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING ||
	       next == NEXT_FRAGMENT || next == NEXT_DESTINATION ||
	       next == NEXT_AUTHENTICATION;
}

static __always_inline bool parse6(struct __sk_buff *skb, struct packet *packet)
{
	struct ip6_extension extension;
	struct ip6_header ip;
	__u32 offset = sizeof(ip);
	__u8 next;
	int i;

	if (!load(skb, 0, &ip, sizeof(ip)))
		return false;
	__builtin_memcpy(packet->from.addr, ip.source, sizeof(ip.source));
	__builtin_memcpy(packet->to.addr, ip.destination, sizeof(ip.destination));
	next = ip.next;
	for (i = 0; i < MAX_EXTENSIONS; i++) {
		if (!is_extension(next))
			break;
		if (!load(skb, offset, &extension, sizeof(extension))) {
			/* The kernel itself takes no other packet of that kind. */
			packet->is_obscure = packet->more_fragments;
			return packet->is_obscure;
		}
		if (next == NEXT_FRAGMENT) {
			packet->fragment = bpf_ntohs(extension.offset) >> 3;
			packet->more_fragments =
				bpf_ntohs(extension.offset) & IP6_MORE_FRAGMENTS;
			offset += 8;
		} else if (next == NEXT_AUTHENTICATION) {
			offset += (extension.length + 2) * 4;
		} else {
			offset += (extension.length + 1) * 8;
		}
		next = extension.next;
		if (packet->fragment)
			break;
	}
	packet->is_obscure = !packet->fragment && is_extension(next);
	packet->is_tcp = next == IPPROTO_TCP;
	packet->transport = offset;
	return true;
}

/* The listener's own address does not matter, and no client has port 0. */
static __always_inline struct bpf_sock *
find_socket(struct __sk_buff *skb, const struct packet *packet, bool listener)
{
	struct bpf_sock_tuple tuple = {};
	__be16 port = listener ? bpf_htons(tp_config.ports[TP_INBOUND]) :
				 packet->to.port;

	if (is_mapped(&packet->to)) {
		tuple.ipv4.saddr = listener ? 0 : packet->from.addr[3];
		tuple.ipv4.sport = listener ? 0 : packet->from.port;
		tuple.ipv4.daddr = packet->to.addr[3];
		tuple.ipv4.dport = port;
		return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4),
					  BPF_F_CURRENT_NETNS, 0);
	}
	if (!listener) {
		__builtin_memcpy(tuple.ipv6.saddr, packet->from.addr,
				 sizeof(tuple.ipv6.saddr));
		tuple.ipv6.sport = packet->from.port;
	}
	__builtin_memcpy(tuple.ipv6.daddr, packet->to.addr,
			 sizeof(tuple.ipv6.daddr));
	tuple.ipv6.dport = port;
	return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6),
				  BPF_F_CURRENT_NETNS, 0);
}

/*
 * A SYN for a connection that exists is for the kernel to answer. So is one
 * for a port in TIME_WAIT: the kernel judges it and, where it takes it, looks
 * for a listener again, which is where the sk_lookup program waits. Where there
 * is none, the listener is assigned at once.
 */
static __always_inline bool is_connection(struct bpf_sock *sk)
{
	__u32 state = sk->state;

	return state != BPF_TCP_LISTEN &&
	       (state != BPF_TCP_TIME_WAIT || tp_config.lookup);
}

/*
 * Where the sk_lookup program does not know interfaces, it has to be told. Other
 * packets of the batch may come in between, on this CPU and on others. Returns
 * false where there is no room: it would let the SYN pass by the proxy.
 */
static __always_inline bool tell_lookup(const struct packet *packet)
{
	struct tp_tuple syn = {};
	__u32 seen = 1;

	if (!tp_config.lookup || tp_config.lookup_knows_ifindex)
		return true;
	syn.client = packet->from;
	syn.proxy = packet->to;
	return !bpf_map_update_elem(&tp_syns, &syn, &seen, BPF_ANY);
}

/*
 * What was found is the proxy's: where connections may pass it by, it can also be
 * whoever listens where the SYN was going.
 */
static __always_inline bool is_proxys(struct bpf_sock *sk)
{
	return !tp_config.bypass || sk->src_port == tp_config.ports[TP_INBOUND];
}

/*
 * Where tc finds no listener, or one that it cannot assign, the sk_lookup program
 * behind it steers, refuses or lets pass: this lookup asks it what it will do.
 * Without it a SYN can only be dropped, or let pass; what the proxy listens on
 * elsewhere is not seen then.
 */
static __always_inline int leave_to_lookup(struct __sk_buff *skb,
					   const struct packet *packet)
{
	struct bpf_sock *sk = 0;
	bool steered;

	if (tp_config.lookup)
		sk = find_socket(skb, packet, false);
	steered = sk && is_proxys(sk);
	if (sk)
		bpf_sk_release(sk);
	if (steered)
		count(TP_INBOUND_SYN_LOOKUP);
	else
		count(tp_config.bypass ? TP_INBOUND_BYPASSED : TP_INBOUND_NO_LISTENER);
	return tp_config.lookup || tp_config.bypass ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/*
 * Gives the packet to @sk, if that is what the proxy listens with, and gives @sk
 * back. While an installation gets other ports, the sk_lookup program of before
 * may have answered, and will decide.
 */
static __always_inline bool assign(struct __sk_buff *skb, struct bpf_sock *sk)
{
	bool assigned = sk->state == BPF_TCP_LISTEN &&
			sk->src_port == tp_config.ports[TP_INBOUND] &&
			!bpf_sk_assign(skb, sk, 0);

	bpf_sk_release(sk);
	return assigned;
}

/*
 * With the sk_lookup program behind it, the socket for the connection is already
 * the proxy's listener; where it is not, or without it, tc looks for that one.
 */
static __always_inline int steer(struct __sk_buff *skb,
				 const struct packet *packet)
{
	struct bpf_sock *sk = find_socket(skb, packet, false);
	bool assigned = false;

	if (sk && is_connection(sk)) {
		bpf_sk_release(sk);
		return TC_ACT_UNSPEC;
	}
	if (sk)
		assigned = assign(skb, sk);
	if (!assigned) {
		sk = find_socket(skb, packet, true);
		if (sk)
			assigned = assign(skb, sk);
	}
	if (!assigned)
		return leave_to_lookup(skb, packet);
	count(TP_INBOUND_SYN_TC);
	return TC_ACT_UNSPEC;
}

static __always_inline bool is_for_us(const struct packet *packet)
{
	return address_kind(&packet->to) & TP_ADDRESS_INSTANCE;
}

#define SYN_FLAGS (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)

/*
 * Nearly every packet belongs to a connection that is there: one load tells it, of
 * headers without options. A packet of which it does not is looked at closely.
 */
static __always_inline bool belongs_to_connection(struct __sk_buff *skb)
{
	struct {
		struct ip4_header ip;
		struct tcp_header tcp;
	} v4;
	struct {
		struct ip6_header ip;
		struct tcp_header tcp;
	} v6;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		return load(skb, 0, &v4, sizeof(v4)) &&
		       v4.ip.version_length == 0x45 &&
		       v4.ip.protocol == IPPROTO_TCP &&
		       !(v4.ip.fragment & bpf_htons(IP_OFFSET_MASK | IP_MORE_FRAGMENTS)) &&
		       (v4.tcp.flags & SYN_FLAGS) != TCP_SYN;
	return skb->protocol == bpf_htons(ETH_P_IPV6) &&
	       load(skb, 0, &v6, sizeof(v6)) && v6.ip.next == IPPROTO_TCP &&
	       (v6.tcp.flags & SYN_FLAGS) != TCP_SYN;
}

/*
 * Fragments are put together above tc, where an assigned socket is lost. No
 * system sends a SYN in fragments: whoever does wants to slip by (RFC 1858). Nor
 * does one send more extension headers than are looked at, or cut them off in
 * the first fragment (RFC 7112): see is_obscure.
 */
static __always_inline bool hides_syn(struct __sk_buff *skb,
				      const struct packet *packet)
{
	__u8 flags;

	if (packet->is_obscure || packet->fragment == 1)
		return true;
	if (packet->fragment)
		return false;
	if (!load(skb, packet->transport + TCP_FLAGS_OFFSET, &flags, sizeof(flags)))
		return true;
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

SEC("tc")
int tp_tc_ingress(struct __sk_buff *skb)
{
	struct packet packet = {};
	struct tcp_header tcp;

	if (belongs_to_connection(skb))
		return TC_ACT_UNSPEC;
	/* A tagged packet belongs to the VLAN's own interface. */
	if (skb->pkt_type != 0 /* PACKET_HOST */ || skb->vlan_present)
		return TC_ACT_UNSPEC;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!parse4(skb, &packet))
			return TC_ACT_UNSPEC;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6) && tp_config.ipv6) {
		if (!parse6(skb, &packet))
			return TC_ACT_UNSPEC;
	} else {
		return TC_ACT_UNSPEC;
	}
	if (!packet.is_tcp && !packet.is_obscure)
		return TC_ACT_UNSPEC;
	if (packet.is_obscure || packet.fragment || packet.more_fragments) {
		if (!is_for_us(&packet) || is_excluded_address(TP_INBOUND, &packet.from) ||
		    !hides_syn(skb, &packet))
			return TC_ACT_UNSPEC;
		count(TP_INBOUND_BAD_FRAGMENT);
		return TC_ACT_SHOT;
	}
	if (!load(skb, packet.transport, &tcp, sizeof(tcp)) ||
	    (tcp.flags & SYN_FLAGS) != TCP_SYN)
		return TC_ACT_UNSPEC;
	packet.from.port = tcp.source;
	packet.to.port = tcp.destination;
	if (!is_for_us(&packet))
		return TC_ACT_UNSPEC;
	/* NAT comes later, and would not take back the socket. */
	if (tp_config.networks &&
	    network_kind(skb->ifindex, &packet.to) == TP_NETWORK_ELSEWHERE)
		return TC_ACT_UNSPEC;
	if (is_excluded_address(TP_INBOUND, &packet.from)) {
		count(TP_INBOUND_EXCLUDED_ADDRESS);
		return TC_ACT_UNSPEC;
	}
	if (!is_redirected_port(TP_INBOUND, bpf_ntohs(tcp.destination))) {
		count(TP_INBOUND_EXCLUDED_PORT);
		return TC_ACT_UNSPEC;
	}
	/* The client sends it again. */
	if (!tell_lookup(&packet)) {
		count(TP_INBOUND_NO_MEMORY);
		return TC_ACT_SHOT;
	}
	return steer(skb, &packet);
}
