// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { errnoName } from "../native/errno.ts";
import { readInitialValue } from "../native/initial-value.ts";
import { libbpf, type MapPointer, type ObjectPointer, type ProgramPointer } from "../native/libbpf.ts";
import { bpf_object_open_opts } from "../native/libbpf-options.ts";
import { captureMessages } from "../native/messages.ts";
import { isPointer } from "../native/pointer.ts";
import { withoutSignals } from "../native/signals.ts";
import { readSections } from "./elf.ts";
import { loadError } from "./load-error.ts";
import { BpfMap } from "./map.ts";
import { BpfProgram } from "./program.ts";

/**
 * An eBPF object file: opened, adjusted, loaded, in this order. Its maps and programs are borrowed: they end
 * with the object, unless they were duplicated, pinned or attached.
 */
export class BpfObject implements Disposable {
  readonly file: string;
  readonly #sections: ReadonlyMap<string, Uint8Array>;
  readonly #lent: Disposable[] = [];
  #object: ObjectPointer | undefined;
  #loaded = false;
  /** From libbpf 1.4 on, a map that was never made has a descriptor, too: of something else. */
  readonly #omitted = new Set<string>();

  private constructor(file: string, sections: ReadonlyMap<string, Uint8Array>, object: ObjectPointer) {
    this.file = file;
    this.#sections = sections;
    this.#object = object;
  }

  /** Reads and checks an object file. Throws PROGRAMS_UNUSABLE where it is missing, damaged or something else. */
  static open(file: string): BpfObject {
    return BpfObject.fromBytes(read(file), file);
  }

  /** As `open`, for a file that was read already: libbpf sees these very bytes. */
  static fromBytes(bytes: Uint8Array, file: string): BpfObject {
    const sections = readSections(bytes, file);
    const messages: string[] = [];
    using _capture = captureMessages((message) => messages.push(message));
    const options = bpf_object_open_opts({ objectName: basename(file).replace(/\..*$/, "") });
    const object = libbpf().bpf_object__open_mem(bytes, bytes.length, options);
    if (isPointer(object)) return new BpfObject(file, sections, object);
    throw new TproxyError(
      "PROGRAMS_UNUSABLE",
      `libbpf cannot read ${file}: ${messages.at(-1) ?? "no reason given"}`,
      {
        log: messages.join("\n"),
        hint: "The file is damaged, or it needs a newer libbpf.",
      },
    );
  }

  /** The content of an ELF section, such as "license". */
  section(name: string): Uint8Array | undefined {
    return this.#sections.get(name);
  }

  /** The names of all programs in the file. */
  programs(): string[] {
    return Array.from(this.#eachProgram(), (program) => libbpf().bpf_program__name(program));
  }

  /** The names of all maps in the file, with those that libbpf makes for global data. */
  maps(): string[] {
    return Array.from(this.#eachMap(), (map) => libbpf().bpf_map__name(map));
  }

  /** Only these programs will be loaded: the others may be more than this kernel can take. */
  selectPrograms(names: ReadonlySet<string>): void {
    const known = this.programs();
    const unknown = [...names].filter((name) => !known.includes(name));
    if (unknown.length > 0) throw this.#unusable(`has no program ${unknown.join(", ")}`);
    for (const program of this.#eachProgram()) {
      const wanted = names.has(libbpf().bpf_program__name(program));
      this.#adjust("bpf_program__set_autoload", libbpf().bpf_program__set_autoload(program, wanted));
    }
  }

  /**
   * Sets the initial value of a section of global data, ".rodata" for example: from bytes that fill it, or
   * by a function that changes a copy of what the compiler left there.
   */
  setReadOnlyData(section: `.${string}`, data: Uint8Array | ((view: Buffer) => void)): void {
    const map = this.#findMap(section);
    const bytes = typeof data === "function" ? this.#edited(map, data) : data;
    const result = libbpf().bpf_map__set_initial_value(map, bytes, bytes.length);
    this.#adjust(`setting ${bytes.length} bytes of ${section}`, result);
  }

  #edited(map: MapPointer, edit: (view: Buffer) => void): Buffer {
    const view = readInitialValue(map);
    if (view === undefined) throw this.#unusable("has no such data");
    edit(view);
    return view;
  }

  /** Uses a map that exists instead of making one. Both must agree in type and sizes. */
  reuseMap(name: string, map: BpfMap): void {
    this.#adjust(`reusing the map ${name}`, libbpf().bpf_map__reuse_fd(this.#findMap(name), map.fd));
  }

  resizeMap(name: string, maxEntries: number): void {
    const result = libbpf().bpf_map__set_max_entries(this.#findMap(name), maxEntries);
    this.#adjust(`resizing the map ${name}`, result);
  }

  /** Does not make this map: for one that no selected program uses and that the kernel may not know. */
  omitMap(name: string): void {
    this.#adjust(`omitting the map ${name}`, libbpf().bpf_map__set_autocreate(this.#findMap(name), false));
    this.#omitted.add(name);
  }

  /**
   * Makes the maps and loads the programs. Throws a VerifierError where the kernel refuses a program and
   * CAPABILITY_MISSING where it refuses us. libbpf asks for the verifier's log only after a failure.
   */
  load(): void {
    const messages: string[] = [];
    using _capture = captureMessages((message) => messages.push(message));
    // Verifying our programs takes a hundred milliseconds: libbpf's five tries are no help against signals.
    const result = withoutSignals(() => libbpf().bpf_object__load(this.#pointer()));
    if (result < 0) throw loadError(this.file, -result, messages);
    this.#loaded = true;
  }

  /** A map of the loaded object: its name in C, or ".rodata" and the like. */
  map(name: string): BpfMap {
    const map = this.#findMap(name);
    const fd = this.#omitted.has(name) ? -1 : libbpf().bpf_map__fd(map);
    return this.#lend(new BpfMap(this.#borrow(fd, `map ${name}`)));
  }

  /** A program of the loaded object. */
  program(name: string): BpfProgram {
    const program = libbpf().bpf_object__find_program_by_name(this.#pointer(), name);
    if (!isPointer(program)) throw this.#unusable(`has no program ${name}`);
    const fd = libbpf().bpf_program__fd(program);
    return this.#lend(new BpfProgram(this.#borrow(fd, `program ${name}`), name));
  }

  /** Closes every map and program that was not duplicated, pinned or attached. */
  [Symbol.dispose](): void {
    for (const lent of this.#lent.splice(0)) lent[Symbol.dispose]();
    const object = this.#object;
    this.#object = undefined;
    if (object !== undefined) libbpf().bpf_object__close(object);
  }

  #lend<T extends Disposable>(lent: T): T {
    this.#lent.push(lent);
    return lent;
  }

  #borrow(fd: number, what: string): Descriptor {
    if (!this.#loaded || fd < 0) throw new TproxyError("INTERNAL", `${this.file}: ${what} is not loaded`);
    return new Descriptor(fd, { owned: false });
  }

  #pointer(): ObjectPointer {
    if (this.#object === undefined) throw new TproxyError("INTERNAL", `${this.file} is closed`);
    return this.#object;
  }

  #findMap(name: string): MapPointer {
    const map = libbpf().bpf_object__find_map_by_name(this.#pointer(), name);
    if (isPointer(map)) return map;
    throw this.#unusable(`has no map ${name}`);
  }

  *#eachProgram(): Generator<ProgramPointer> {
    let program: ProgramPointer | null = null;
    const next = (previous: ProgramPointer | null) =>
      libbpf().bpf_object__next_program(this.#pointer(), previous);
    for (program = next(null); program !== null; program = next(program)) yield program;
  }

  *#eachMap(): Generator<MapPointer> {
    let map: MapPointer | null = null;
    const next = (previous: MapPointer | null) => libbpf().bpf_object__next_map(this.#pointer(), previous);
    for (map = next(null); map !== null; map = next(map)) yield map;
  }

  #adjust(what: string, result: number): void {
    if (result < 0) throw this.#unusable(`does not allow ${what} (${errnoName(-result)})`);
  }

  #unusable(why: string): TproxyError {
    return new TproxyError("PROGRAMS_UNUSABLE", `${this.file} ${why}`);
  }
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const hint = "The prebuilt programs are part of the package: install tproxyctl again.";
    throw new TproxyError("PROGRAMS_UNUSABLE", `cannot read ${file}`, { cause, hint });
  }
}
