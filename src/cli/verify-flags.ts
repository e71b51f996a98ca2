// SPDX-License-Identifier: Apache-2.0
import type { Flag } from "../config/flag.ts";

export const VERIFY_JSON: Flag = { name: "json", help: "print JSON" };

export const VERIFY_TIMEOUT: Flag = {
  name: "timeout",
  argument: "DURATION",
  help: "how long all of it may take",
  defaultText: "20s",
};

export const VALIDATION_SERVER_PORT: Flag = {
  name: "validation-server-port",
  argument: "PORT",
  help: "the port that inbound connections are redirected to",
  defaultText: "15006",
};

/** kumactl's own configuration: the validator never had one of its own by that name. */
export const KUMACTL_CONFIG_FILE: Flag = {
  name: "config-file",
  argument: "FILE",
  help: "does nothing",
  hidden: true,
};
