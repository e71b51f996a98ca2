// SPDX-License-Identifier: Apache-2.0

/**
 * Where `--store-systemd` keeps the configuration that is installed when the host starts. No name that somebody would give a
 * file of their own.
 */
export const STORED_CONFIGURATION = "/etc/tproxyctl/stored-by-install.yaml";
