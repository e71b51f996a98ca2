import { describe, expect, test } from "vitest";
import { understandRecord } from "../../../../src/engine/ebpf/foreign-record.ts";

describe("a record of another format", () => {
  test("each field for itself, where it has the form that is known", () => {
    const record = understandRecord({
      format: 9,
      version: "9.1.0",
      installedAt: ["a", "list"],
      outbound: { port: 16001, redirect: false, excludedPorts: [22, "ssh"] },
      inbound: "16006",
      ipv6: false,
      addedPassthroughAddress: true,
      cgroupPath: "/sys/fs/cgroup",
      counters: ["TP_A", "TP_B"],
      filters: [
        { interface: "eth0", index: 2, priority: 49_006, handle: 1, madeQdisc: true },
        { interface: "eth1" },
      ],
      hooks: [{ kind: "xdp" }],
      plan: { format: 9 },
      whatever: {},
    });
    expect(record).toEqual({
      format: 9,
      version: "9.1.0",
      installedAt: "at an unknown time",
      proxyUser: { uid: 0 },
      outbound: { port: 16001, redirect: false, excludedPorts: [22] },
      inbound: { port: 15006, redirect: true, excludedPorts: [] },
      ipv6: false,
      instance: "all",
      addedPassthroughAddress: true,
      abi: "",
      netnsInode: 0,
      cgroupPath: "/sys/fs/cgroup",
      counters: ["TP_A", "TP_B"],
      filters: [{ interface: "eth0", index: 2, priority: 49_006, handle: 1, madeQdisc: true }],
      hooks: [],
      plan: { format: 9 },
    });
  });

  test.each([[{}], [[]], ["text"], [null], [undefined]])(
    "nothing of %j is a record, and nothing throws",
    (value) => {
      expect(understandRecord(value)).toMatchObject({
        format: 0,
        version: "of an unknown version",
        hooks: [],
      });
    },
  );
});
