// One situation of DNS: how it is tried, and what of the answers counts. Without vitest: test/kernels tries some in guests.

import { APP_UID, PROXY_UID, type World } from "../support/world.ts";
import { type Answers, askServers, type DnsSituation, serverEndpoint } from "./dns-situation.ts";

export function tryOut(world: World, situation: DnsSituation): Promise<Answers> {
  const { client, kind, manner, asked, options = [], from } = situation;
  const flags = [
    `--${manner}`,
    ...(kind === "mapped" ? ["--mapped"] : []),
    ...(from === undefined ? [] : ["--from", from[kind === "v6" ? "v6" : "v4"]]),
    ...options,
  ];
  return askServers(world, asked, flags, client === "proxy" ? PROXY_UID : APP_UID);
}

export function outcome({ asked, answered, strangers, smallest, error, peer, listeners }: Answers) {
  return {
    lost: asked - answered,
    strangers,
    large: smallest >= 4096,
    error,
    peer,
    listeners: [...listeners].sort(),
  };
}

export function wanted(situation: DnsSituation, port: number): ReturnType<typeof outcome> {
  const { kind, manner, asked, expected, options = [] } = situation;
  const servers = asked.map((each) => (each.endsWith("5353") ? each : serverEndpoint(each, 53)));
  const proxy = serverEndpoint(kind === "v6" ? "::1" : "127.0.0.1", port);
  const [first = ""] = servers;
  const peer = kind === "mapped" ? first.replace(/^([0-9.]+):/, "[::ffff:$1]:") : first;
  return {
    lost: 0,
    strangers: 0,
    large: options.includes("4096"),
    error: "",
    peer: manner === "connected" ? peer : null,
    listeners: expected === "proxy" ? [proxy] : [...servers].sort(),
  };
}
