/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The maps. Each is defined once, in maps.bpf.c, which sets TP_MAP to nothing;
 * everybody else sees a declaration. Those that outlive a change stand in
 * state-maps.h.
 */
#ifndef MAPS_H
#define MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tproxy.h"

#ifndef TP_MAP
#define TP_MAP extern
#endif

#include "state-maps.h"

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct tp_prefix4);
	__type(value, struct tp_address);
} tp_addresses4 SEC(".maps");

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct tp_prefix6);
	__type(value, struct tp_address);
} tp_addresses6 SEC(".maps");

/* One entry for each interface and family, and the networks. */
TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct tp_network);
	__type(value, enum tp_network_kind);
} tp_networks SEC(".maps");

/*
 * What is left alone, and the name servers. As large as the lists are: the
 * loader says how large.
 */
TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct tp_excluded4);
	__type(value, __u32);
} tp_excluded4 SEC(".maps");

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct tp_excluded6);
	__type(value, __u32);
} tp_excluded6 SEC(".maps");

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct tp_users);
	__type(value, struct tp_port_set);
} tp_users SEC(".maps");

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct tp_set_ports);
	__type(value, __u32);
} tp_set_ports SEC(".maps");

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct tp_server);
	__type(value, __u32);
} tp_dns_servers SEC(".maps");

TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TP_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} tp_counters SEC(".maps");

/* What was counted before, by an installation with other counters. No program's. */
TP_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TP_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} tp_counted SEC(".maps");

#endif
