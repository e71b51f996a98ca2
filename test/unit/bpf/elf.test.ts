import { describe, expect, it } from "vitest";
import { readSections } from "../../../src/bpf/elf.ts";
import { TproxyError } from "../../../src/core/errors.ts";

/** An ELF file for the machine BPF with a null section, these, and a table of names. */
function elf(sections: Readonly<Record<string, Buffer>>): Buffer {
  const names = Buffer.from(`\0${Object.keys(sections).join("\0")}\0.shstrtab\0`);
  const all = [
    ...Object.entries(sections).map(([name, content]) => ({ name, type: 1, content })),
    { name: ".shstrtab", type: 3, content: names },
  ];
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(247, 18);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(all.length + 1, 60);
  header.writeUInt16LE(all.length, 62);
  const contents = Buffer.concat(all.map(({ content }) => content));
  header.writeBigUInt64LE(BigInt(64 + contents.length), 40);
  let offset = 64;
  const headers = all.map(({ name, type, content }) => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, 0);
    entry.writeUInt32LE(type, 4);
    entry.writeBigUInt64LE(BigInt(offset), 24);
    entry.writeBigUInt64LE(BigInt(content.length), 32);
    offset += content.length;
    return entry;
  });
  return Buffer.concat([header, contents, Buffer.alloc(64), ...headers]);
}

function change(bytes: Buffer, edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  edit(copy);
  return copy;
}

describe("an ELF file", () => {
  const file = elf({
    license: Buffer.from("GPL\0"),
    ".text": Buffer.alloc(0),
    "tproxyctl.abi": Buffer.from("1"),
  });
  const lastHeader = file.length - 64;

  it("has sections with names", () => {
    const sections = readSections(file, "x.o");
    expect([...sections.keys()]).toEqual(["", "license", ".text", "tproxyctl.abi", ".shstrtab"]);
    expect(sections.get("license")).toEqual(Buffer.from("GPL\0"));
    expect(sections.get("tproxyctl.abi")).toEqual(Buffer.from("1"));
    expect(sections.get(".text")).toHaveLength(0);
  });

  it("may have a section without content in the file", () => {
    const SHT_NOBITS = 8;
    const firstHeader = file.length - 4 * 64;
    const withBss = change(file, (copy) => {
      copy.writeUInt32LE(SHT_NOBITS, firstHeader + 4);
      copy.writeBigUInt64LE(1000n, firstHeader + 32);
    });
    expect(readSections(withBss, "x.o").get("license")).toEqual(new Uint8Array(1000));
  });

  it.each([
    ["nothing", Buffer.alloc(0), "is truncated"],
    ["less than a header", file.subarray(0, 63), "is truncated"],
    ["text", Buffer.alloc(100, "a"), "is not an ELF file"],
    ["32 bits", change(file, (copy) => copy.writeUInt8(1, 4)), "64-bit little-endian"],
    ["big-endian", change(file, (copy) => copy.writeUInt8(2, 5)), "64-bit little-endian"],
    ["another machine", change(file, (copy) => copy.writeUInt16LE(62, 18)), "not for the machine BPF"],
    ["one byte short", file.subarray(0, -1), "is truncated or damaged"],
    ["half of it", file.subarray(0, file.length / 2), "is truncated or damaged"],
    ["no name table", change(file, (copy) => copy.writeUInt16LE(99, 62)), "is truncated or damaged"],
    ["odd headers", change(file, (copy) => copy.writeUInt16LE(40, 58)), "is truncated or damaged"],
    [
      "a section beyond the end",
      change(file, (copy) => copy.writeBigUInt64LE(2n ** 40n, lastHeader + 32)),
      "damaged",
    ],
    ["a table beyond the end", change(file, (copy) => copy.writeBigUInt64LE(2n ** 63n, 40)), "damaged"],
  ])("is refused: %s", (_, bytes, message) => {
    const read = () => readSections(bytes, "x.o");
    expect(read).toThrow(TproxyError);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: "PROGRAMS_UNUSABLE", hint: expect.any(String) }));
  });

  it("is refused at any length that is not its own", () => {
    for (let length = 0; length < file.length; length++) {
      expect(() => readSections(file.subarray(0, length), "x.o")).toThrow(TproxyError);
    }
  });

  it("never makes the reader fail in another way, whatever byte is wrong", () => {
    for (let at = 0; at < file.length; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const damaged = change(file, (copy) => copy.writeUInt8(value, at));
        try {
          readSections(damaged, "x.o");
        } catch (error) {
          expect(error).toBeInstanceOf(TproxyError);
        }
      }
    }
  });
});
