// SPDX-License-Identifier: Apache-2.0
import { formatAddress } from "../../core/address.ts";
import type { Connection } from "../../plan/decide.ts";
import { type Answer, flagOf, sourceOf } from "./answer.ts";

/** Names that do not change: programs read this. */
export function renderJson({ basis, connection, decision }: Answer): string {
  const { setting, ...rest } = decision;
  return JSON.stringify({
    installed: basis.installedAt !== undefined,
    engine: basis.engine,
    ...(basis.installedAt === undefined ? {} : { installedAt: basis.installedAt }),
    connection: renderConnection(connection),
    decision: {
      ...rest,
      ...(setting === undefined ? {} : { setting, flag: flagOf(setting), source: sourceOf(setting, basis) }),
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
