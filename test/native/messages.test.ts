import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { BpfObject } from "../../src/bpf/object.ts";
import { libbpf } from "../../src/native/libbpf.ts";
import { captureMessages } from "../../src/native/messages.ts";
import { isPointer } from "../../src/native/pointer.ts";
import { Scratch } from "./support.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());

function provoke(): void {
  expect(isPointer(libbpf().bpf_object__open_file("/none", null))).toBe(false);
}

describe("libbpf's messages", () => {
  it("reach the sink, formatted, until it is disposed", () => {
    const messages: string[] = [];
    {
      using _capture = captureMessages((message, level) => messages.push(`${level}: ${message}`));
      provoke();
    }
    expect(messages).toEqual([
      expect.stringMatching(/^warning: libbpf: .*\/none.*No such file or directory$/),
    ]);
    const { length } = messages;
    provoke();
    expect(messages).toHaveLength(length);
  });

  it("survive a sink that throws", () => {
    using _capture = captureMessages(() => {
      throw new Error("from the sink");
    });
    provoke();
    provoke();
  });

  it("go to the innermost of nested sinks", () => {
    const outer: string[] = [];
    const inner: string[] = [];
    using _outer = captureMessages((message) => outer.push(message));
    {
      using _inner = captureMessages((message) => inner.push(message));
      provoke();
    }
    expect(outer).toEqual([]);
    provoke();
    expect(outer).toHaveLength(inner.length);
  });

  it("come whole, however long: a verifier's log of megabytes", () => {
    using object = BpfObject.open(scratch.compile("long-log"));
    let log = "";
    try {
      object.load();
    } catch (error) {
      log = error instanceof Error && "log" in error ? String(error.log) : "";
    }
    expect(log.length).toBeGreaterThan(1_000_000);
    expect(log).toMatch(/^processed \d+ insns/m);
  });

  it("come in order at debug level", () => {
    const messages: string[] = [];
    using _capture = captureMessages((message) => messages.push(message), "debug");
    using object = BpfObject.open(scratch.compile("basic"));
    expect(object.programs()).toHaveLength(4);
    // open() has a capture of its own, which hides this one.
    expect(messages).toEqual([]);
  });
});

describe("loading the libraries", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const run = (script: string) =>
    execFileSync(process.execPath, ["--input-type=module-typescript", "--eval", script], {
      cwd: root,
      encoding: "utf8",
    });

  it("happens at first use, not when a module is imported", () => {
    const script = `
      import { readFileSync } from "node:fs";
      await import("./src/bpf/object.ts");
      await import("./src/bpf/probes.ts");
      await import("./src/native/messages.ts");
      const maps = () => /koffi|libbpf/.test(readFileSync("/proc/self/maps", "utf8"));
      const before = maps();
      (await import("./src/native/libbpf.ts")).libbpf();
      console.log(before, maps());`;
    expect(run(script)).toBe("false true\n");
  });

  it("says how to install libbpf where it is missing", () => {
    const script = `
      import { Library } from "./src/native/library.ts";
      try { new Library({ name: "libbpf.so.99", code: "LIBBPF_UNUSABLE", hint: "Install libbpf" }); }
      catch (error) { console.log(error.code, error.message, error.hint); }`;
    expect(run(script)).toBe("LIBBPF_UNUSABLE cannot load libbpf.so.99 Install libbpf\n");
  });
});
