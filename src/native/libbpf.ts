// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { Library } from "./library.ts";
import type { Pointer } from "./pointer.ts";

export type ObjectPointer = Pointer<"bpf_object">;
export type ProgramPointer = Pointer<"bpf_program">;
export type MapPointer = Pointer<"bpf_map">;
export type PrintCallback = Pointer<"libbpf_print_fn_t">;

const HINT =
  "Install libbpf 1.0 or newer: libbpf1 on Debian 12, Ubuntu 24.04 and newer, libbpf on Alpine, Fedora, RHEL, Arch and SUSE.";

const HINT_TOO_OLD =
  "Ubuntu 22.04, Debian 11 and older have no newer one: ./scripts/build-libbpf in the sources of tproxyctl builds and installs one.";

/** libbpf's functions under their C names. An int below zero is `-errno`, here as in C. */
export type Libbpf = ReturnType<typeof bind>;

let loaded: Libbpf | undefined;

/** libbpf, loaded at first use. Throws LIBBPF_UNUSABLE where it is missing or older than 1.0. */
export function libbpf(): Libbpf {
  loaded ??= load();
  return loaded;
}

function load(): Libbpf {
  const library = open();
  const functions = bind(library);
  const { major, minor } = functions.version;
  if (major < 1) {
    throw new TproxyError("LIBBPF_UNUSABLE", `libbpf ${major}.${minor} is too old`, { hint: HINT });
  }
  // Until someone listens (messages.ts) libbpf must not write to stderr by itself.
  functions.libbpf_set_print(null);
  return functions;
}

function open(): Library {
  const source = { code: "LIBBPF_UNUSABLE", hint: HINT } as const;
  try {
    return new Library({ ...source, name: "libbpf.so.1" });
  } catch (cause) {
    if (!isLoadable("libbpf.so.0")) throw cause;
    const message = "libbpf here is libbpf.so.0, which is older than 1.0";
    throw new TproxyError("LIBBPF_UNUSABLE", message, { cause, hint: HINT_TOO_OLD });
  }
}

function isLoadable(name: string): boolean {
  try {
    return new Library({ name, code: "LIBBPF_UNUSABLE", hint: HINT }) !== undefined;
  } catch {
    return false;
  }
}

function bind(library: Library) {
  return {
    version: {
      major: library.func<() => number>("uint32_t libbpf_major_version()")(),
      minor: library.func<() => number>("uint32_t libbpf_minor_version()")(),
    },
    ...bindLibrary(library),
    ...bindObject(library),
    ...bindMap(library),
    ...bindMapElements(library),
    ...bindSyscalls(library),
    ...bindTc(library),
  };
}

type Bytes = Uint8Array;

function bindLibrary(library: Library) {
  return {
    libbpf_set_print: library.func<(callback: PrintCallback | null) => unknown>(
      "void *libbpf_set_print(void *fn)",
    ),
    libbpf_num_possible_cpus: library.func<() => number>("int libbpf_num_possible_cpus()"),
  };
}

function bindObject(library: Library) {
  return {
    bpf_object__open_file: library.pointer<"bpf_object", [path: string, opts: Bytes | null]>(
      "void *bpf_object__open_file(const char *path, const void *opts)",
    ),
    bpf_object__open_mem: library.pointer<"bpf_object", [bytes: Bytes, size: number, opts: Bytes | null]>(
      "void *bpf_object__open_mem(const void *obj_buf, size_t obj_buf_sz, const void *opts)",
    ),
    bpf_object__load: library.func<(object: ObjectPointer) => number>("int bpf_object__load(void *obj)"),
    bpf_object__close: library.func<(object: ObjectPointer) => void>("void bpf_object__close(void *obj)"),
    bpf_object__next_program: library.func<
      (object: ObjectPointer, previous: ProgramPointer | null) => ProgramPointer | null
    >("void *bpf_object__next_program(const void *obj, void *prog)"),
    bpf_object__find_program_by_name: library.pointer<"bpf_program", [object: ObjectPointer, name: string]>(
      "void *bpf_object__find_program_by_name(const void *obj, const char *name)",
    ),
    bpf_object__next_map: library.func<
      (object: ObjectPointer, previous: MapPointer | null) => MapPointer | null
    >("void *bpf_object__next_map(const void *obj, const void *map)"),
    bpf_object__find_map_by_name: library.pointer<"bpf_map", [object: ObjectPointer, name: string]>(
      "void *bpf_object__find_map_by_name(const void *obj, const char *name)",
    ),
    bpf_program__set_autoload: library.func<(program: ProgramPointer, autoload: boolean) => number>(
      "int bpf_program__set_autoload(void *prog, bool autoload)",
    ),
    bpf_program__fd: library.func<(program: ProgramPointer) => number>(
      "int bpf_program__fd(const void *prog)",
    ),
    bpf_program__name: library.func<(program: ProgramPointer) => string>(
      "const char *bpf_program__name(const void *prog)",
    ),
  };
}

function bindMap(library: Library) {
  type Getter = (map: MapPointer) => number;
  return {
    bpf_map__fd: library.func<Getter>("int bpf_map__fd(const void *map)"),
    bpf_map__name: library.func<(map: MapPointer) => string>("const char *bpf_map__name(const void *map)"),
    bpf_map__set_max_entries: library.func<(map: MapPointer, entries: number) => number>(
      "int bpf_map__set_max_entries(void *map, uint32_t max_entries)",
    ),
    /** `size` receives the size as a 64-bit number. */
    bpf_map__initial_value: library.pointer<"bytes", [map: MapPointer, size: BigUint64Array]>(
      "void *bpf_map__initial_value(void *map, void *psize)",
    ),
    bpf_map__set_initial_value: library.func<(map: MapPointer, data: Bytes, size: number) => number>(
      "int bpf_map__set_initial_value(void *map, const void *data, size_t size)",
    ),
    bpf_map__reuse_fd: library.func<(map: MapPointer, fd: number) => number>(
      "int bpf_map__reuse_fd(void *map, int fd)",
    ),
    bpf_map__set_autocreate: library.func<(map: MapPointer, autocreate: boolean) => number>(
      "int bpf_map__set_autocreate(void *map, bool autocreate)",
    ),
  };
}

function bindMapElements(library: Library) {
  type Batch = (fd: number, keys: Bytes, values: Bytes, count: Uint32Array, opts: null) => number;
  return {
    bpf_map_update_elem: library.func<(fd: number, key: Bytes, value: Bytes, flags: number) => number>(
      "int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)",
    ),
    bpf_map_lookup_elem: library.func<(fd: number, key: Bytes, value: Bytes) => number>(
      "int bpf_map_lookup_elem(int fd, const void *key, void *value)",
    ),
    bpf_map_delete_elem: library.func<(fd: number, key: Bytes) => number>(
      "int bpf_map_delete_elem(int fd, const void *key)",
    ),
    bpf_map_get_next_key: library.func<(fd: number, key: Bytes | null, next: Bytes) => number>(
      "int bpf_map_get_next_key(int fd, const void *key, void *next_key)",
    ),
    bpf_map_update_batch: library.func<Batch>(
      "int bpf_map_update_batch(int fd, const void *keys, const void *values, void *count, const void *opts)",
    ),
    bpf_map_freeze: library.func<(fd: number) => number>("int bpf_map_freeze(int fd)"),
  };
}

function bindSyscalls(library: Library) {
  type FdById = (id: number) => number;
  return {
    bpf_map_create: library.func<
      (t: number, name: string, key: number, value: number, entries: number, opts: Bytes | null) => number
    >(
      "int bpf_map_create(int type, const char *name, uint32_t key, uint32_t value, uint32_t max_entries, const void *opts)",
    ),
    bpf_prog_load: library.func<
      (t: number, name: string, license: string, insns: Bytes, count: number, opts: Bytes) => number
    >(
      "int bpf_prog_load(int type, const char *name, const char *license, const void *insns, size_t insn_cnt, const void *opts)",
    ),
    bpf_btf_load: library.func<(data: Bytes, size: number, opts: null) => number>(
      "int bpf_btf_load(const void *btf_data, size_t btf_size, const void *opts)",
    ),
    bpf_link_create: library.func<(program: number, target: number, type: number, opts: null) => number>(
      "int bpf_link_create(int prog_fd, int target_fd, int attach_type, const void *opts)",
    ),
    bpf_link_update: library.func<(link: number, program: number, opts: Bytes | null) => number>(
      "int bpf_link_update(int link_fd, int new_prog_fd, const void *opts)",
    ),
    bpf_link_detach: library.func<(link: number) => number>("int bpf_link_detach(int link_fd)"),
    bpf_obj_pin: library.func<(fd: number, path: string) => number>(
      "int bpf_obj_pin(int fd, const char *pathname)",
    ),
    bpf_obj_get: library.func<(path: string) => number>("int bpf_obj_get(const char *pathname)"),
    bpf_obj_get_info_by_fd: library.func<(fd: number, info: Bytes, size: Uint32Array) => number>(
      "int bpf_obj_get_info_by_fd(int bpf_fd, void *info, void *info_len)",
    ),
    bpf_prog_get_fd_by_id: library.func<FdById>("int bpf_prog_get_fd_by_id(uint32_t id)"),
    bpf_map_get_fd_by_id: library.func<FdById>("int bpf_map_get_fd_by_id(uint32_t id)"),
    bpf_link_get_fd_by_id: library.func<FdById>("int bpf_link_get_fd_by_id(uint32_t id)"),
    bpf_link_get_next_id: library.func<(start: number, next: Uint32Array) => number>(
      "int bpf_link_get_next_id(uint32_t start_id, void *next_id)",
    ),
    bpf_prog_detach2: library.func<(program: number, target: number, type: number) => number>(
      "int bpf_prog_detach2(int prog_fd, int attachable_fd, int type)",
    ),
    bpf_prog_query: library.func<
      (target: number, type: number, f: number, a: Uint32Array, ids: Uint32Array, n: Uint32Array) => number
    >(
      "int bpf_prog_query(int target_fd, int type, uint32_t query_flags, void *attach_flags, void *prog_ids, void *prog_cnt)",
    ),
  };
}

function bindTc(library: Library) {
  type Hook = (hook: Bytes) => number;
  type Filter = (hook: Bytes, opts: Bytes) => number;
  return {
    bpf_tc_hook_create: library.func<Hook>("int bpf_tc_hook_create(void *hook)"),
    bpf_tc_hook_destroy: library.func<Hook>("int bpf_tc_hook_destroy(void *hook)"),
    bpf_tc_attach: library.func<Filter>("int bpf_tc_attach(const void *hook, void *opts)"),
    bpf_tc_detach: library.func<Filter>("int bpf_tc_detach(const void *hook, const void *opts)"),
    bpf_tc_query: library.func<Filter>("int bpf_tc_query(const void *hook, void *opts)"),
  };
}
