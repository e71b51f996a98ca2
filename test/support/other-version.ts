// Another version of the whole program, built from a patched copy of the sources: a real one, with objects of its own.

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { readManifest } from "../../scripts/bundle-options.ts";
import { projectRoot } from "./project-files.ts";

/** In a file of the project, a text that is there once, and what takes its place. */
export type Patch = readonly [file: string, from: string, to: string];

const SOURCES = ["bin", "bpf", "scripts", "src", "package.json", "tsconfig.json"];

export class OtherVersion implements Disposable {
  readonly version: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "tproxyctl-version-"));

  private constructor(version: string) {
    this.version = version;
  }

  static async build(version: string, patches: readonly Patch[] = []): Promise<OtherVersion> {
    const other = new OtherVersion(version);
    try {
      await other.#build(patches);
      return other;
    } catch (error) {
      other[Symbol.dispose]();
      throw error;
    }
  }

  /** The program that is started. */
  get program(): string {
    return join(this.#directory, "bin/tproxyctl");
  }

  async #build(patches: readonly Patch[]): Promise<void> {
    for (const name of SOURCES)
      cpSync(join(projectRoot, name), join(this.#directory, name), { recursive: true });
    for (const name of ["node_modules", ".node"])
      symlinkSync(join(projectRoot, name), join(this.#directory, name));
    const version: Patch = [
      "package.json",
      `"version": "${readManifest(projectRoot).version}"`,
      `"version": "${this.version}"`,
    ];
    for (const patch of [version, ...patches]) this.#patch(patch);
    const options = { cwd: this.#directory };
    await execa("make", ["--no-print-directory", "-C", "bpf"], options);
    for (const script of ["gen-layouts.ts", "bundle.ts"])
      await execa(process.execPath, [join("scripts", script)], options);
  }

  #patch([file, from, to]: Patch): void {
    const path = join(this.#directory, file);
    const parts = readFileSync(path, "utf8").split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
    writeFileSync(path, parts.join(to));
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}

/** Nothing but the number is another one. */
export const NEXT = { version: "0.1.99", patches: [] } as const;

/** All that outlives a change is laid out otherwise, and counted otherwise; records and pins are of another format. */
export const FAR = {
  version: "7.0.0",
  patches: [
    ["bpf/state.h", "struct tp_socket {\n", "struct tp_socket {\n\t__u64 pad7[4];\n"],
    [
      "bpf/state.h",
      "\tstruct tp_endpoint client;\n\tstruct tp_endpoint proxy;\n",
      "\tstruct tp_endpoint proxy;\n\tstruct tp_endpoint client;\n",
    ],
    ["bpf/state.h", "struct tp_handshake {\n", "struct tp_handshake {\n\t__u64 pad7;\n"],
    ["bpf/state.h", "#define TP_LISTENER_SLOTS 64", "#define TP_LISTENER_SLOTS 32"],
    ["bpf/tproxy.h", "\t/* Outbound: decided by the connect hooks. */\n", "\tTP_OUTBOUND_OF_VERSION_7,\n"],
    ["src/engine/ebpf/record.ts", "RECORD_FORMAT = 1", "RECORD_FORMAT = 7"],
    ["src/engine/ebpf/pin-directory.ts", 'map: "map-"', 'map: "m-"'],
    ["src/engine/ebpf/pin-directory.ts", 'link: "link-"', 'link: "attached-"'],
    ["src/engine/iptables/record.ts", "RECORD_FORMAT = 1", "RECORD_FORMAT = 7"],
  ],
} as const satisfies { readonly version: string; readonly patches: readonly Patch[] };
