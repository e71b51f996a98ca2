// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The one definition of every map, and of the constants of an installation. */
#define TP_MAP
#include "common.h"

const volatile struct tp_config tp_config = {};
const volatile struct tp_ports tp_redirected_ports[TP_DIRECTIONS] = {};

char tp_license[] SEC("license") = "GPL";

/* The loader takes only objects that were built from the same tproxy.h. */
const char tp_abi[] SEC("tproxyctl.abi") = TP_ABI;

/* Programs that have the same go on with the maps of each other: state.h. */
const char tp_state[] SEC("tproxyctl.state") = TP_STATE;
