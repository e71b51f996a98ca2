import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { cpus } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytes, U32, U64 } from "../../src/bpf/codec.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { TypedMap } from "../../src/bpf/typed-map.ts";
import { Scratch, ScratchBpffs } from "./support.ts";

const scratch = new Scratch();
const object = BpfObject.open(scratch.compile("basic"));
const bpffs = new ScratchBpffs();
beforeAll(() => object.load());
afterAll(() => {
  object[Symbol.dispose]();
  bpffs[Symbol.dispose]();
  scratch[Symbol.dispose]();
});

describe("a hash", () => {
  const table = () => new TypedMap(object.map("table"), U32, U64);

  it("looks up, sets, deletes and lists", () => {
    const map = table();
    expect(map.get(1)).toBeUndefined();
    expect(map.set(1, 10n)).toBe(true);
    expect(map.set(1, 11n, "create")).toBe(false);
    expect(map.set(2, 20n, "replace")).toBe(false);
    expect(map.set(1, 2n ** 64n - 1n, "replace")).toBe(true);
    expect(map.get(1)).toBe(2n ** 64n - 1n);
    map.set(2, 20n);
    expect([...map.keys()].sort()).toEqual([1, 2]);
    expect(new Map(map.entries()).get(2)).toBe(20n);
    expect(map.delete(1)).toBe(true);
    expect(map.delete(1)).toBe(false);
    map.clear();
    expect([...map.entries()]).toEqual([]);
  });

  it("sets many at once, and says so when there are too many", () => {
    const map = table();
    map.setAll(Array.from({ length: 100 }, (_, index) => [index, BigInt(index)] as const));
    expect([...map.keys()]).toHaveLength(100);
    expect(map.get(99)).toBe(99n);
    expect(() => map.set(1000, 0n)).toThrow(/table: E2BIG/);
    expect(() =>
      map.setAll([
        [2000, 0n],
        [2001, 0n],
      ]),
    ).toThrow(/E2BIG/);
    map.clear();
  });

  it("refuses keys and values of another size before C sees them", () => {
    expect(() => object.map("table").lookup(Buffer.alloc(3))).toThrow(/key of 3 bytes, not 4/);
    expect(() => object.map("table").update(Buffer.alloc(4), Buffer.alloc(4))).toThrow(
      /value of 4 bytes, not 8/,
    );
    expect(() => new TypedMap(object.map("table"), U32, U32)).toThrow(/8-byte values, not 4 and 4/);
  });
});

describe("other kinds", () => {
  it("per CPU: one value each, rounded up to 8 bytes in between", () => {
    const map = new TypedMap(object.map("per_cpu"), U32, U32);
    map.set(1, 42);
    const values = map.getPerCpu(1) ?? [];
    expect(values.length).toBeGreaterThanOrEqual(cpus().length);
    expect(new Set(values)).toEqual(new Set([42]));
    expect(new Set(map.getPerCpu(0))).toEqual(new Set([0]));
    expect(map.getPerCpu(2)).toBeUndefined();
    expect(() => map.get(1)).toThrow(/for each CPU/);
    expect(() => object.map("table").lookupPerCpu(Buffer.alloc(4))).toThrow(/one value/);
  });

  it("LPM trie: the longest prefix wins", () => {
    const trie = new TypedMap(object.map("trie"), bytes(8), U32);
    trie.setAll([
      [Uint8Array.of(8, 0, 0, 0, 10, 0, 0, 0), 8],
      [Uint8Array.of(16, 0, 0, 0, 10, 1, 0, 0), 16],
    ]);
    expect(trie.get(Uint8Array.of(32, 0, 0, 0, 10, 1, 2, 3))).toBe(16);
    expect(trie.get(Uint8Array.of(32, 0, 0, 0, 10, 2, 2, 3))).toBe(8);
    expect(trie.get(Uint8Array.of(32, 0, 0, 0, 11, 2, 2, 3))).toBeUndefined();
    expect([...trie.keys()]).toHaveLength(2);
  });

  it("map of maps: swaps an inner one", () => {
    const inner = { type: "array", name: "inner", keySize: 4, valueSize: 4, maxEntries: 1 } as const;
    using first = BpfMap.create(inner);
    using second = BpfMap.create(inner);
    using outer = BpfMap.create({ ...inner, type: "array_of_maps", name: "outer", inner: first });
    for (const map of [first, second]) {
      outer.updateFd(Buffer.alloc(4), map.fd);
      expect(outer.lookup(Buffer.alloc(4))).toEqual(Buffer.from(U32.encode(map.info.id)));
    }
  });

  describe("of sockets", () => {
    let server: Server;
    beforeAll(async () => {
      server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
    });
    afterAll(() => server.close());

    it("sockmap: takes a listener and gives its cookie", () => {
      const map = object.map("sockets");
      map.updateFd(Buffer.alloc(4), descriptorOf(server));
      expect(map.lookup(Buffer.alloc(4))).not.toEqual(Buffer.alloc(8));
      expect(map.delete(Buffer.alloc(4))).toBe(true);
      expect(() => map.updateFd(Buffer.alloc(4), map.fd)).toThrow(/sockets: /);
    });

    it("socket storage: the key is a descriptor", () => {
      const storage = new TypedMap(object.map("storage"), U32, U64);
      expect(storage.get(descriptorOf(server))).toBeUndefined();
      storage.set(descriptorOf(server), 5n);
      expect(storage.get(descriptorOf(server))).toBe(5n);
      expect([...object.map("storage").keys()]).toEqual([]);
    });
  });
});

function descriptorOf(server: Server): number {
  const handle: unknown = Reflect.get(server, "_handle");
  return Number(handle instanceof Object ? Reflect.get(handle, "fd") : -1);
}

describe("any map", () => {
  const spec = { type: "hash", name: "own", keySize: 4, valueSize: 8, maxEntries: 10 } as const;

  it("tells its type, sizes and memory", () => {
    using map = BpfMap.create(spec);
    expect(map.info).toMatchObject({ ...spec, typeNumber: 1 });
    expect(map.memoryBytes()).toBeGreaterThan(0);
    using again = BpfMap.byId(map.info.id);
    expect(again?.info).toEqual(map.info);
    expect(BpfMap.byId(0xfffffff)).toBeUndefined();
  });

  it("outlives its process in a pin", () => {
    const path = bpffs.pin("own");
    {
      using map = BpfMap.create(spec);
      map.update(U32.encode(1), U64.encode(9n));
      map.pin(path);
      expect(() => map.pin(path)).toThrow(/EEXIST/);
      expect(() => map.pin("/tmp/tproxyctl-no-bpffs")).toThrow(/EPERM|EINVAL/);
    }
    using map = BpfMap.open(path);
    expect(map.lookup(U32.encode(1))).toEqual(Buffer.from(U64.encode(9n)));
  });

  it("is not taken for something else", () => {
    object.program("allow").pin(bpffs.pin("program"));
    expect(() => BpfMap.open(bpffs.pin("program"))).toThrow(/no BPF map/);
    expect(() => BpfMap.open(bpffs.pin("none"))).toThrow(/ENOENT/);
  });

  it("can be frozen and is refused where the kernel refuses it", () => {
    using map = BpfMap.create({ ...spec, type: "array" });
    map.freeze();
    expect(() => map.update(U32.encode(0), U64.encode(1n))).toThrow(/EPERM/);
    expect(() => BpfMap.create({ ...spec, keySize: 0 })).toThrow(
      /cannot create the map own \(hash\): EINVAL/,
    );
  });
});
