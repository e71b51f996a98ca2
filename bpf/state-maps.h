/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The maps that outlive a change of version, where it has the same: state.h. */
#ifndef STATE_MAPS_H
#define STATE_MAPS_H

/* Cloned to accepted sockets, so that one knows whose listener it came from. */
TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tp_socket);
} tp_sockets SEC(".maps");

/* From the client's SYN to the moment the proxy's end is established. */
TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TP_HANDSHAKES);
	__type(key, struct tp_tuple);
	__type(value, struct tp_handshake);
} tp_handshakes SEC(".maps");

/*
 * The proxy's listening sockets, on whichever port: who takes one looks at that.
 * The kernel takes one out when it closes.
 */
struct listener_slots {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, TP_LISTENER_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
};

TP_MAP struct listener_slots tp_inbound4 SEC(".maps");
TP_MAP struct listener_slots tp_inbound6 SEC(".maps");
TP_MAP struct listener_slots tp_outbound6 SEC(".maps");

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tp_listening);
} tp_listening SEC(".maps");

/* By the tag and the client's port: dns.h. Only there where DNS is redirected. */
TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TP_ANSWERS);
	__type(key, struct tp_endpoint);
	__type(value, struct tp_answer);
} tp_dns_answers SEC(".maps");

/*
 * What tc tells sk_lookup, which knows no interfaces before Linux 5.17: the SYN of
 * this connection came by the one that was named. Only there where both steer.
 * The least recently used goes.
 */
TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TP_SYNS);
	__type(key, struct tp_tuple);
	__type(value, __u32);
} tp_syns SEC(".maps");

#endif
