// SPDX-License-Identifier: Apache-2.0

/** Where `--store-systemd` keeps the configuration that is installed when the host starts. */
export const STORED_CONFIGURATION = "/etc/tproxyctl/transparent-proxy.yaml";
