import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";
import { type StructLayout, structCodec } from "../../src/bpf/layout.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { projectRoot } from "../support/project-files.ts";
import { Scratch } from "./support.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());

function generate(...args: readonly string[]): void {
  execFileSync(process.execPath, ["scripts/gen-layouts.ts", ...args], { cwd: projectRoot, stdio: "pipe" });
}

it("the layouts generated from an object read what the compiler put there", async () => {
  const source = scratch.compile("basic");
  // The linker writes into the BTF where the variables are.
  const object = join(scratch.path, "linked.bpf.o");
  execFileSync("bpftool", ["gen", "object", object, source]);
  const result = join(scratch.path, "layouts.ts");
  generate(object, result);
  generate("--check", object, result);
  const layouts: Record<string, unknown> = await import(pathToFileURL(result).href);
  expect(layouts).toMatchObject({ TP_COLOR: { TP_RED: 1, TP_BLUE: 300 }, TP_INNER: { size: 8 } });

  const codec = structCodec(layouts.RODATA as StructLayout);
  using opened = BpfObject.open(object);
  opened.setReadOnlyData(".rodata", (view) => {
    const value = codec.decode(view);
    expect(value).toEqual({
      sample: {
        big: 0x1122334455667788n,
        negative: -5,
        shorts: [1, 2, 65535],
        bytes: Buffer.of(1, 2, 3, 4, 5),
        inner: { port: 80, addr: Buffer.of(10, 0, 0, 1) },
        inners: [
          { port: 0, addr: Buffer.alloc(4) },
          { port: 443, addr: Buffer.alloc(4) },
        ],
      },
      color: 300,
    });
    expect(Buffer.from(codec.encode(value))).toEqual(view);
  });
});

it("the layouts of the programs are those of the object that is shipped", () => {
  generate("--check");
  expect(readFileSync(join(projectRoot, "src/bpf/layouts.gen.ts"), "utf8")).toMatch(/TP_CONFIG/);
});
