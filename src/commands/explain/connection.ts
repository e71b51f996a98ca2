// SPDX-License-Identifier: Apache-2.0
import { type Address, isLoopback, sameAddress, unmapAddress } from "../../core/address.ts";
import { ConfigError, TproxyError } from "../../core/errors.ts";
import { findUser } from "../../host/users.ts";
import type { Connection, InboundConnection } from "../../plan/decide.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Question } from "../options.ts";
import type { Basis } from "./basis.ts";

/**
 * The connection that is asked about, with what the question leaves to this host.
 *
 * @throws TproxyError USER_UNKNOWN, ConfigError
 */
export function toConnection(
  question: Question,
  { plan, engine }: Pick<Basis, "plan" | "engine">,
): Connection {
  if (question.kind === "inbound") {
    return completeInbound(question, plan, engine === "iptables" ? "inbound" : "untouched");
  }
  const { user, ...rest } = question;
  return { ...rest, uid: toUid(user) };
}

function toUid(spec: string): number {
  const user = findUser(spec);
  if (user !== undefined) return user.uid;
  throw new TproxyError("USER_UNKNOWN", `--uid: there is no user ${JSON.stringify(spec)}`, {
    hint: "Give the name of a user that exists, or a UID from 0 to 4294967294.",
  });
}

function completeInbound(
  question: Question & { readonly kind: "inbound" },
  plan: Plan,
  forwarded: InboundConnection["forwarded"],
): Connection {
  const to = question.to ?? findOwnAddress(plan, unmapAddress(question.from), question.interface);
  const name = question.interface ?? findInterface(plan, unmapAddress(to));
  return { ...question, to, interface: name, forwarded };
}

/** One whose inbound connections are intercepted, where there is one. */
function findOwnAddress(plan: Plan, { family }: Address, name: string | undefined): Address {
  const interfaces = plan.interfaces.filter((each) => name === undefined || each.name === name);
  const own = [
    ...(plan.instance === "all" ? [] : plan.instance),
    ...(name === undefined ? (plan.tcInterface?.addresses ?? []) : []),
    ...interfaces.flatMap((each) => each.addresses),
  ];
  const found = own.find((address) => address.family === family && !isLoopback(address));
  if (found !== undefined) return found;
  const where = name === undefined ? "this host" : name;
  throw new ConfigError([
    { source: "--to", message: `${where} has no IPv${family} address; write ADDRESS:PORT` },
  ]);
}

function findInterface({ interfaces, tcInterface }: Plan, to: Address): string {
  const owner = interfaces.find(({ addresses }) => addresses.some((address) => sameAddress(address, to)));
  const only = interfaces.length === 1 ? interfaces[0] : undefined;
  const found = owner ?? tcInterface ?? only;
  if (found !== undefined) return found.name;
  throw new ConfigError([
    {
      source: "--iface",
      message: "it does not follow from the address where the connection arrives: name the interface",
    },
  ]);
}
