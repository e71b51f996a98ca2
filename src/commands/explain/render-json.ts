// SPDX-License-Identifier: Apache-2.0
import type { SettingKey } from "../../config/config.ts";
import { formatAddress } from "../../core/address.ts";
import type { Connection } from "../../plan/decide.ts";
import { type Answer, flagOf, sourceOf } from "./answer.ts";

/** Names that do not change: programs read this. */
export function renderJson({ basis, connection, decision, withoutProxy }: Answer): string {
  const { setting, ...rest } = decision;
  const origin = (key: SettingKey) => ({ setting: key, flag: flagOf(key), source: sourceOf(key, basis) });
  return JSON.stringify({
    installed: basis.installedAt !== undefined,
    engine: basis.engine,
    ...(basis.installedAt === undefined ? {} : { installedAt: basis.installedAt }),
    connection: renderConnection(connection),
    decision: {
      ...rest,
      ...(setting === undefined ? {} : origin(setting)),
      ...(withoutProxy === undefined
        ? {}
        : { withoutProxy: { result: withoutProxy, ...origin("redirect.whenProxyDown") } }),
    },
  });
}

function renderConnection(connection: Connection): unknown {
  const to = formatAddress(connection.to);
  switch (connection.kind) {
    case "outbound": {
      const { from } = connection;
      return { ...connection, from: from && formatAddress(from), to };
    }
    case "inbound": {
      const { forwarded: _, ...rest } = connection;
      return { ...rest, from: formatAddress(connection.from), to };
    }
    case "dns":
      return { ...connection, to };
  }
}
