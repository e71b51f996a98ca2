import { expect, test } from "vitest";
import type { InterfaceFact } from "../../../../src/core/facts.ts";
import { hookFindings } from "../../../../src/engine/ebpf/hook-findings.ts";
import type { HookStatus } from "../../../../src/engine/ebpf/hook-status.ts";

const CONNECT = { kind: "cgroup", program: "tp_connect4", hook: "connect4" } as const;
const SOCKOPS = { kind: "cgroup", program: "tp_sockops", hook: "sockops" } as const;
const TC = { kind: "tc", program: "tp_tc_ingress", interface: "eth0", index: 2 } as const;

function link(name: string, index: number, up = true): InterfaceFact {
  return { name, index, up, loopback: index === 1, addresses: [] };
}

const NAMED = { cgroupPath: "/app", tcInterface: "eth0" } as const;
const ALL = { cgroupPath: "/app" } as const;
const LO = link("lo", 1);

test.each<[string, HookStatus[], typeof NAMED | typeof ALL, InterfaceFact[], boolean, string[]]>([
  ["all is there", [at(CONNECT), at(TC)], NAMED, [LO, link("eth0", 2)], true, []],
  ["none of the cgroup is known", [at(TC)], NAMED, [LO, link("eth0", 2)], false, []],
  ["one is detached", [at(CONNECT), at(SOCKOPS, "detached")], ALL, [LO], true, ["hook-detached"]],
  ["one is replaced", [at(CONNECT, "replaced")], ALL, [LO], true, ["hook-replaced"]],
  ["all of the cgroup", [at(CONNECT, "detached"), at(SOCKOPS, "detached")], ALL, [LO], true, ["cgroup-gone"]],
  ["the cgroup", [at(CONNECT, "detached"), at(SOCKOPS, "detached")], ALL, [LO], false, ["cgroup-gone"]],
  [
    "the interface is down",
    [at(CONNECT), at(TC)],
    NAMED,
    [LO, link("eth0", 2, false)],
    true,
    ["interface-down"],
  ],
  ["one of all is down", [at(CONNECT), at(TC)], ALL, [LO, link("eth0", 2, false)], true, []],
  ["the interface is gone", [at(CONNECT), at(TC, "detached")], NAMED, [LO], true, ["interface-gone"]],
  [
    "it is another one",
    [at(CONNECT), at(TC, "detached")],
    NAMED,
    [LO, link("eth0", 7)],
    true,
    ["interface-replaced"],
  ],
  ["it has another name", [at(CONNECT), at(TC)], NAMED, [LO, link("eth9", 2)], true, ["interface-renamed"]],
  [
    "its name went to another one",
    [at(CONNECT), at(TC)],
    NAMED,
    [LO, link("eth9", 2), link("eth0", 3)],
    true,
    ["interface-replaced"],
  ],
  [
    "one more, where one was named",
    [at(CONNECT), at(TC)],
    NAMED,
    [LO, link("eth0", 2), link("eth1", 3)],
    true,
    [],
  ],
  [
    "one more, where all are meant",
    [at(CONNECT), at(TC)],
    ALL,
    [LO, link("eth0", 2), link("eth1", 3)],
    true,
    ["interface-added"],
  ],
  ["one more, without tc", [at(CONNECT)], ALL, [LO, link("eth0", 2), link("eth1", 3)], true, []],
])("%s", (_title, hooks, record, interfaces, cgroupExists, codes) => {
  const found = hookFindings(hooks, record, { interfaces, cgroupExists });
  expect(found.map(({ code }) => code)).toEqual(codes);
});

function at(hook: HookStatus["hook"], state: HookStatus["state"] = "attached"): HookStatus {
  return { hook, state };
}
