// The eBPF objects are built once and shipped for every kind of processor. They must not depend on where that was.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { skipWithout } from "../support/prerequisite.ts";
import { projectRoot } from "../support/project-files.ts";

/** The kernel's headers for each kind of processor: this machine's own kind, or a cross package. */
const KINDS = [
  { kind: "x86-64", places: ["/usr/include/x86_64-linux-gnu", "/usr/x86_64-linux-gnu/include"] },
  { kind: "arm64", places: ["/usr/include/aarch64-linux-gnu", "/usr/aarch64-linux-gnu/include"] },
] as const;

const SHIPPED = join(projectRoot, "dist/bpf/tproxy.bpf.o");

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "tproxyctl-objects-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

describe.each(KINDS)("the object built with the headers of $kind", ({ kind, places }) => {
  const include = places.find((place) => existsSync(join(place, "asm/types.h")));

  test("is the one that is shipped, byte for byte", async (context) => {
    skipWithout(
      context,
      include === undefined
        ? `no headers for ${kind} (${places.join(", ")}); ./scripts/setup as root installs them`
        : undefined,
    );
    skipWithout(context, existsSync(SHIPPED) ? undefined : "nothing is built; run ./scripts/build");
    const [out, objects] = ["out", "objects"].map((name) => join(scratch, kind, name));
    const variables = [`ARCH_INCLUDE=${include}`, `OUT=${out}`, `OBJ=${objects}`];
    await execa("make", ["--no-print-directory", "-C", join(projectRoot, "bpf"), ...variables]);
    expect(sha256(join(out ?? "", "tproxy.bpf.o"))).toBe(sha256(SHIPPED));
  });
});

test("the object is for a little-endian machine of 64 bits, and has no path of the machine that built it", (context) => {
  skipWithout(context, existsSync(SHIPPED) ? undefined : "nothing is built; run ./scripts/build");
  const bytes = readFileSync(SHIPPED);
  const [ELFCLASS64, ELFDATA2LSB, EM_BPF] = [2, 1, 247];
  expect([...bytes.subarray(4, 6)]).toEqual([ELFCLASS64, ELFDATA2LSB]);
  expect(bytes.readUInt16LE(18)).toBe(EM_BPF);
  for (const path of [projectRoot.replace(/\/$/, ""), "/usr/include"])
    expect(bytes.includes(path), path).toBe(false);
});

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
