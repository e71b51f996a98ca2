import { describe, expect, test } from "vitest";
import type { InstanceStatus } from "../../../src/engine/ebpf/status.ts";
import { finding } from "../../../src/engine/finding.ts";
import type { IptablesStatus } from "../../../src/engine/iptables/status.ts";
import { isWhole, joinStatus, stateFindings } from "../../../src/engine/join-status.ts";
import { type CommonRecord, commonRecord } from "../../../src/engine/record.ts";
import { samplePlan, type Wanted } from "../../support/plan-samples.ts";

const NETWORKS: Wanted = { networks: ["br+:10.1.0.0/16"] };

function recordOf(wanted: Wanted | undefined): CommonRecord {
  return commonRecord(samplePlan(wanted), undefined, undefined);
}

const NOWHERE = { outbound: [], inbound: [] } as const;

function ebpf(wanted?: Wanted): InstanceStatus {
  const place = { format: 1, abi: "", netnsInode: 1, cgroupPath: "/", hooks: [], filters: [] } as const;
  return {
    engine: "ebpf",
    pins: "/pins",
    record: { ...place, ...recordOf(wanted) },
    hooks: [],
    listening: NOWHERE,
    memory: { maps: 0, programs: 0 },
    connections: {},
    findings: [],
  };
}

interface Rules {
  readonly wanted?: Wanted;
  readonly besidePrograms?: boolean;
  readonly findings?: readonly string[];
}

function rules({ wanted, besidePrograms = true, findings = [] }: Rules): IptablesStatus {
  const place = {
    format: 1,
    bootId: "",
    netns: { inode: 1 },
    applied: [],
    unfinished: false,
    madeHooks: [],
  } as const;
  const record = wanted === undefined ? undefined : { ...place, ...recordOf(wanted) };
  const found = findings.map((message) => finding("rules-missing", message, "mend it."));
  return { engine: "iptables", record, besidePrograms, rules: [], listening: NOWHERE, findings: found };
}

test("rules beside programs are part of that installation", () => {
  const [status, ...others] = joinStatus([ebpf(NETWORKS)], rules({ wanted: NETWORKS }));
  expect(others).toEqual([]);
  expect(status).toMatchObject({ engine: "ebpf", networks: { rules: [], findings: [] } });
});

test("an installation of the iptables engine is a second one", () => {
  const found = joinStatus([ebpf()], rules({ wanted: {}, besidePrograms: false }));
  expect(found.map(({ engine }) => engine)).toEqual(["ebpf", "iptables"]);
  expect(found[0]).not.toHaveProperty("networks");
});

test("nothing is nothing", () => {
  expect(joinStatus([], undefined)).toEqual([]);
});

describe("whether all is there", () => {
  test.each<[string, InstanceStatus[], IptablesStatus | undefined, RegExp | undefined]>([
    ["eBPF alone", [ebpf()], undefined, undefined],
    ["eBPF with networks", [ebpf(NETWORKS)], rules({ wanted: NETWORKS }), undefined],
    ["iptables", [], rules({ wanted: NETWORKS, besidePrograms: false }), undefined],
    ["no rules", [ebpf(NETWORKS)], undefined, /rules for virtual networks are missing/],
    [
      "some are missing",
      [ebpf(NETWORKS)],
      rules({ wanted: NETWORKS, findings: ["one is missing"] }),
      /one is/,
    ],
    ["rules that are not to be", [ebpf()], rules({ wanted: NETWORKS }), /those of another installation/],
    ["of other networks", [ebpf(NETWORKS)], rules({ wanted: { networks: ["br+:10.2.0.0/16"] } }), /another/],
    [
      "of another port",
      [ebpf({ ...NETWORKS, outbound: { port: 1 } })],
      rules({ wanted: NETWORKS }),
      /another/,
    ],
    [
      "nothing written down",
      [ebpf(NETWORKS)],
      rules({ findings: ["nothing is written down"] }),
      /written down/,
    ],
    ["no programs", [], rules({ wanted: NETWORKS }), /the eBPF programs beside them are not there/],
  ])("%s", (_title, instances, found, finding) => {
    const [status, ...others] = joinStatus(instances, found);
    expect(others).toEqual([]);
    if (status === undefined) throw new Error("there is a status");
    expect(isWhole(status)).toBe(finding === undefined);
    const messages = stateFindings(status).map(({ message }) => message);
    expect(messages.join("\n")).toMatch(finding ?? /^$/);
  });
});
