import { statSync, unlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { U32, U64 } from "../../src/bpf/codec.ts";
import { BpfLink } from "../../src/bpf/link.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { probe } from "../../src/bpf/probes.ts";
import { BpfProgram } from "../../src/bpf/program.ts";
import { attachedPrograms } from "../../src/bpf/query.ts";
import { TypedMap } from "../../src/bpf/typed-map.ts";
import { if_nametoindex } from "../../src/native/sockets.ts";
import { Scratch, ScratchBpffs, ScratchCgroup, ScratchNetns } from "./support.ts";

const scratch = new Scratch();
const object = BpfObject.open(scratch.compile("basic"));
const bpffs = new ScratchBpffs();
beforeAll(() => object.load());
afterAll(() => {
  object[Symbol.dispose]();
  bpffs[Symbol.dispose]();
  scratch[Symbol.dispose]();
});

const REFUSED = /Connection refused/;
const DENIED = /Operation not permitted/;

describe("cgroup links", () => {
  it("attach, replace their program, detach", () => {
    using _netns = new ScratchNetns();
    using cgroup = new ScratchCgroup();
    const allow = object.program("allow");
    const deny = object.program("deny");
    using link = BpfLink.attachCgroup(deny, cgroup.path, "connect4");
    const cgroupId = statSync(cgroup.path, { bigint: true }).ino;
    expect(link.info()).toMatchObject({
      programId: deny.info().id,
      attachType: "connect4",
      target: { kind: "cgroup", cgroupId },
      defunct: false,
    });
    expect(attachedPrograms(cgroup.path, "connect4")).toEqual([deny.info().id]);
    expect(cgroup.connect(9)).toMatch(DENIED);

    expect(() => link.update(allow, allow)).toThrow(/cannot replace the program of a link by allow: EPERM/);
    link.update(allow, deny);
    expect(link.info().programId).toBe(allow.info().id);
    expect(cgroup.connect(9)).toMatch(REFUSED);
    link.update(deny);
    expect(cgroup.connect(9)).toMatch(DENIED);

    link.detach();
    link.detach();
    expect(link.info().defunct).toBe(true);
    expect(cgroup.connect(9)).toMatch(REFUSED);
  });

  it("stay attached by their pin, and go with it", () => {
    using _netns = new ScratchNetns();
    using cgroup = new ScratchCgroup();
    const path = bpffs.pin("link");
    {
      using link = BpfLink.attachCgroup(object.program("deny"), cgroup.path, "connect4");
      link.pin(path);
    }
    expect(cgroup.connect(9)).toMatch(DENIED);
    {
      using link = BpfLink.open(path);
      using program = BpfProgram.byId(link.info().programId);
      expect(program?.name).toBe("deny");
    }
    expect(cgroup.connect(9)).toMatch(DENIED);
    unlinkSync(path);
    expect(cgroup.connect(9)).toMatch(REFUSED);
  });

  it("stand next to those of others", () => {
    using _netns = new ScratchNetns();
    using cgroup = new ScratchCgroup();
    using first = BpfLink.attachCgroup(object.program("allow"), cgroup.path, "connect4");
    using second = BpfLink.attachCgroup(object.program("allow"), cgroup.path, "connect4");
    expect(attachedPrograms(cgroup.path, "connect4")).toHaveLength(2);
    const counters = new TypedMap(object.map("counters"), U32, U64);
    const before = counters.get(0) ?? 0n;
    cgroup.connect(9);
    expect(counters.get(0)).toBe(before + 2n);
    const ids = Array.from(BpfLink.all(), (link) => {
      using open = link;
      return open.info().id;
    });
    expect(ids).toEqual(expect.arrayContaining([first.info().id, second.info().id]));
  });

  it("say what is wrong", () => {
    using cgroup = new ScratchCgroup();
    const program = object.program("allow");
    expect(() => BpfLink.attachCgroup(program, cgroup.path, "connect6")).toThrow(/as connect6: EINVAL/);
    expect(() => BpfLink.attachCgroup(program, "/tmp", "connect4")).toThrow(
      /cgroup \/tmp as connect4: EBADF/,
    );
    expect(() => BpfLink.attachCgroup(program, "/none", "connect4")).toThrow(/ENOENT/);
  });
});

describe("links of a network namespace", () => {
  it("run sk_lookup programs there", () => {
    using netns = new ScratchNetns();
    using cgroup = new ScratchCgroup();
    const counters = new TypedMap(object.map("counters"), U32, U64);
    const before = counters.get(2) ?? 0n;
    using link = BpfLink.attachNetns(object.program("lookup"), netns.path);
    expect(link.info()).toMatchObject({
      attachType: "sk_lookup",
      target: { kind: "netns", inode: statSync(netns.path).ino },
    });
    expect(attachedPrograms(netns.path, "sk_lookup")).toEqual([link.info().programId]);
    cgroup.connect(9);
    expect(counters.get(2)).toBe(before + 1n);
    link.update(object.program("lookup"));
  });

  it("are defunct when the namespace is gone", async () => {
    let link: BpfLink;
    {
      using netns = new ScratchNetns();
      link = BpfLink.attachNetns(object.program("lookup"), netns.path);
    }
    using _link = link;
    await expect.poll(() => link.info().defunct, { timeout: 10_000 }).toBe(true);
    link.detach();
  });
});

describe.runIf(probe("link:tcx").available)("tcx links", () => {
  it("see the packets of their interface, and let go of it", () => {
    using netns = new ScratchNetns();
    using cgroup = new ScratchCgroup();
    const ifindex = if_nametoindex("lo");
    const counters = new TypedMap(object.map("counters"), U32, U64);
    const before = counters.get(3) ?? 0n;
    {
      using link = BpfLink.attachTcx(object.program("go_on"), ifindex);
      expect(link.info()).toMatchObject({ attachType: "tcx_ingress", target: { kind: "tcx", ifindex } });
      expect(attachedPrograms(ifindex, "tcx_ingress")).toEqual([link.info().programId]);
      cgroup.connect(9);
      expect(counters.get(3)).toBeGreaterThan(before);
      link.update(object.program("go_on"));
    }
    expect(attachedPrograms(ifindex, "tcx_ingress")).toEqual([]);
    expect(netns.run("ip", "-json", "link", "show", "lo")).not.toMatch(/clsact/);
  });

  it("are defunct when the interface is gone", () => {
    using netns = new ScratchNetns();
    netns.run("ip", "link", "add", "gone", "type", "veth", "peer", "name", "peer");
    using link = BpfLink.attachTcx(object.program("go_on"), if_nametoindex("gone"), "egress");
    expect(link.info().attachType).toBe("tcx_egress");
    netns.run("ip", "link", "del", "gone");
    expect(link.info().defunct).toBe(true);
  });
});
