import { afterAll, beforeAll, expect, it } from "vitest";
import { BpfObject } from "../../src/bpf/object.ts";
import { attachTc, detachTc, listTc, queryTc, removeClsact } from "../../src/bpf/tc.ts";
import { if_nametoindex } from "../../src/native/sockets.ts";
import { Scratch, ScratchNetns } from "./support.ts";

const scratch = new Scratch();
const object = BpfObject.open(scratch.compile("basic"));
beforeAll(() => object.load());
afterAll(() => {
  object[Symbol.dispose]();
  scratch[Symbol.dispose]();
});

function filterOnVeth(netns: ScratchNetns) {
  netns.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
  netns.run("ip", "link", "set", "veth0", "up");
  return { ifindex: if_nametoindex("veth0"), direction: "ingress", priority: 7, handle: 3 } as const;
}

it("attaches, replaces, queries, lists and detaches", () => {
  using netns = new ScratchNetns();
  const filter = filterOnVeth(netns);
  const program = object.program("go_on");
  expect(queryTc(filter)).toBeUndefined();
  expect(listTc(filter.ifindex, "ingress")).toEqual([]);
  expect(attachTc(program, filter)).toEqual({ programId: program.info().id, qdiscCreated: true });
  expect(queryTc(filter)).toBe(program.info().id);
  expect(listTc(filter.ifindex, "ingress")).toContainEqual(
    expect.objectContaining({ ...filter, programId: program.info().id }),
  );
  expect(netns.run("tc", "filter", "show", "dev", "veth0", "ingress")).toMatch(
    /pref 7 .* go_on.* direct-action/,
  );
  expect(() => attachTc(program, filter)).toThrow(/priority 7, handle 3\): EEXIST/);
  expect(attachTc(program, filter, { replace: true }).qdiscCreated).toBe(false);
  expect(detachTc(filter)).toBe(true);
  expect(detachTc(filter)).toBe(false);
  expect(queryTc(filter)).toBeUndefined();
  expect(removeClsact(filter.ifindex)).toBe(true);
  expect(removeClsact(filter.ifindex)).toBe(false);
  expect(netns.run("tc", "qdisc", "show", "dev", "veth0")).not.toMatch(/clsact/);
});

it.each(["ingress", "egress"] as const)(
  "leaves the qdisc alone while others have a filter at %s",
  (direction) => {
    using netns = new ScratchNetns();
    const filter = filterOnVeth(netns);
    const foreign = { ...filter, direction, priority: 9, handle: 1 };
    attachTc(object.program("go_on"), filter);
    attachTc(object.program("go_on"), foreign);
    detachTc(filter);
    expect(removeClsact(filter.ifindex)).toBe(false);
    expect(queryTc(foreign)).toBe(object.program("go_on").info().id);
    detachTc(foreign);
    expect(removeClsact(filter.ifindex)).toBe(true);
  },
);

it("knows a qdisc that was there before", () => {
  using netns = new ScratchNetns();
  const filter = filterOnVeth(netns);
  netns.run("tc", "qdisc", "add", "dev", "veth0", "clsact");
  expect(attachTc(object.program("go_on"), { ...filter, direction: "egress" }).qdiscCreated).toBe(false);
});

it("takes the new qdisc back where the filter is refused", () => {
  using netns = new ScratchNetns();
  const filter = filterOnVeth(netns);
  expect(() => attachTc(object.program("lookup"), filter)).toThrow(/cannot attach lookup to tc/);
  expect(netns.run("tc", "qdisc", "show", "dev", "veth0")).not.toMatch(/clsact/);
});

it("says that there is no such interface", () => {
  using _netns = new ScratchNetns();
  const filter = { ifindex: 4711, direction: "ingress", priority: 1, handle: 1 } as const;
  expect(() => attachTc(object.program("go_on"), filter)).toThrow(/interface 4711: ENODEV/);
  expect(queryTc(filter)).toBeUndefined();
});
