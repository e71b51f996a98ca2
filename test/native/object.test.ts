import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { BpfObject } from "../../src/bpf/object.ts";
import { VerifierError } from "../../src/bpf/verifier-error.ts";
import { TproxyError } from "../../src/core/errors.ts";
import { Scratch } from "./support.ts";

const scratch = new Scratch();
const basic = scratch.compile("basic");
const rejected = scratch.compile("rejected");
afterAll(() => scratch[Symbol.dispose]());

function failureOf(action: () => unknown): TproxyError {
  try {
    action();
  } catch (error) {
    if (error instanceof TproxyError) return error;
    throw error;
  }
  throw new Error("did not fail");
}

describe("opening", () => {
  it("lists programs, maps and sections", () => {
    using object = BpfObject.open(basic);
    expect(object.programs().sort()).toEqual(["allow", "deny", "go_on", "lookup"]);
    expect(object.maps()).toEqual(expect.arrayContaining(["counters", "per_cpu", "table", "basic.rodata"]));
    expect(Buffer.from(object.section("license") ?? []).toString()).toBe("Dual BSD/GPL\0");
    expect(object.section("none")).toBeUndefined();
  });

  it.each([
    ["a missing file", () => join(scratch.path, "none.bpf.o"), /cannot read/],
    ["a truncated file", truncated, /truncated/],
    ["an object for the host", () => process.execPath, /not for the machine BPF/],
    ["text", text, /not an ELF file/],
  ])("refuses %s", (_, file, message) => {
    const error = failureOf(() => BpfObject.open(file()));
    expect(error.code).toBe("PROGRAMS_UNUSABLE");
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(/install/);
  });

  it("says what libbpf found where the damage is deeper", () => {
    const bytes = readFileSync(basic);
    bytes.fill(0xff, 0x40, 0x400);
    const error = failureOf(() => {
      using object = BpfObject.fromBytes(bytes, "damaged.bpf.o");
      object.load();
    });
    expect(["PROGRAMS_UNUSABLE", "PROGRAM_REJECTED"]).toContain(error.code);
  });

  function truncated(): string {
    const file = join(scratch.path, "truncated.bpf.o");
    copyFileSync(basic, file);
    truncateSync(file, 3000);
    return file;
  }

  function text(): string {
    const file = join(scratch.path, "text.bpf.o");
    writeFileSync(file, "#".repeat(200));
    return file;
  }
});

describe("adjusting", () => {
  it("sets read-only data by a function and by bytes, and freezes it when loaded", () => {
    using object = BpfObject.open(basic);
    let size = 0;
    object.setReadOnlyData(".rodata", (view) => {
      expect(view.readBigUInt64LE(0)).toBe(0x1122334455667788n);
      view.writeBigUInt64LE(7n, 0);
      size = view.length;
    });
    object.load();
    using map = object.map(".rodata").duplicate();
    expect(map.lookup(Buffer.alloc(4))?.subarray(0, 8)).toEqual(Buffer.from([7, 0, 0, 0, 0, 0, 0, 0]));
    expect(() => map.update(Buffer.alloc(4), Buffer.alloc(size))).toThrow(/EPERM/);

    using other = BpfObject.open(basic);
    other.setReadOnlyData(".rodata", Buffer.alloc(size, 1));
    other.load();
    expect(other.map(".rodata").lookup(Buffer.alloc(4))).toEqual(Buffer.alloc(size, 1));
  });

  it("refuses data of another size", () => {
    using object = BpfObject.open(basic);
    expect(failureOf(() => object.setReadOnlyData(".rodata", Buffer.alloc(1))).code).toBe(
      "PROGRAMS_UNUSABLE",
    );
    expect(failureOf(() => object.setReadOnlyData(".none", Buffer.alloc(1))).message).toMatch(/no map .none/);
  });

  it("loads the selected programs only", () => {
    using object = BpfObject.open(rejected);
    expect(() => object.selectPrograms(new Set(["nonsense"]))).toThrow(/no program nonsense/);
    object.selectPrograms(new Set(["fine"]));
    object.load();
    expect(object.program("fine").info().name).toBe("fine");
    expect(() => object.program("reads_too_far")).toThrow(/not loaded/);
  });

  it("reuses, resizes and omits maps", () => {
    using first = BpfObject.open(basic);
    first.resizeMap("table", 7);
    first.load();
    using second = BpfObject.open(basic);
    second.reuseMap("table", first.map("table"));
    second.selectPrograms(new Set());
    second.omitMap("sockets");
    second.load();
    expect(second.map("table").info).toMatchObject({ id: first.map("table").info.id, maxEntries: 7 });
    expect(() => second.map("sockets")).toThrow(/not loaded/);
  });
});

describe("loading", () => {
  it("shows why the verifier refuses a program, and keeps its log", () => {
    using object = BpfObject.open(rejected);
    const error = failureOf(() => object.load());
    expect(error).toBeInstanceOf(VerifierError);
    expect(error).toMatchObject({ code: "PROGRAM_REJECTED", program: "reads_too_far", errno: 13 });
    expect(error.message).toMatch(/reads_too_far:\n/);
    expect(error.message).toMatch(/\n\tinvalid bpf_context access off=1000 size=4$/);
    expect(error.log).toMatch(/processed \d+ insns/);
    expect(error.message).not.toMatch(/processed/);
  });

  it("takes its programs and maps along when it closes", () => {
    const descriptors = () => readdirSync("/proc/self/fd").length;
    const before = descriptors();
    const object = BpfObject.open(basic);
    object.load();
    const map = object.map("table");
    const program = object.program("allow");
    using kept = object.map("table").duplicate();
    object[Symbol.dispose]();
    object[Symbol.dispose]();
    expect(() => map.fd).toThrow(/closed/);
    expect(() => program.fd).toThrow(/closed/);
    expect(() => object.programs()).toThrow(/closed/);
    expect(kept.lookup(Buffer.alloc(4))).toBeUndefined();
    expect(descriptors()).toBe(before + 1);
  });

  it("tells about a program that it loaded", () => {
    using object = BpfObject.open(basic);
    object.load();
    const program = object.program("allow");
    const info = program.info();
    expect(info).toMatchObject({ name: "allow", type: 18 });
    expect(info.tag).toMatch(/^[0-9a-f]{16}$/);
    expect(Math.abs(info.loadedAt.getTime() - Date.now())).toBeLessThan(10_000);
    expect(program.memoryBytes()).toBeGreaterThan(0);
    expect(() => object.program("none")).toThrow(/no program none/);
  });
});
