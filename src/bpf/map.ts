// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { dup } from "../native/descriptors.ts";
import { ERRNO, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { bpf_map_create_opts } from "../native/libbpf-options.ts";
import { fixedString, infoOf, memoryBytes, openId, openPin, pin } from "./descriptor.ts";
import { isPerCpu, MAP_TYPE, type MapType, mapTypeName } from "./map-types.ts";

export interface MapInfo {
  readonly id: number;
  readonly name: string;
  readonly type: MapType | undefined;
  readonly typeNumber: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export interface MapSpec {
  readonly type: MapType;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  /** For maps of maps: what the inner ones look like. */
  readonly inner?: BpfMap;
}

/** Which updates are allowed: any, only a new key, only a key that is there. */
export const UPDATE = { any: 0, create: 1, replace: 2 } as const;

export type UpdateMode = keyof typeof UPDATE;

export type RawEntry = readonly [key: Uint8Array, value: Uint8Array];

/** A map in the kernel. Keys and values are bytes; see `TypedMap` for more. */
export class BpfMap implements Disposable {
  readonly info: MapInfo;
  readonly #descriptor: Descriptor;
  readonly #perCpu: boolean;
  /** The size of one value as a look-up yields it: rounded up to 8 where there is one for each CPU. */
  readonly #stride: number;

  /** Takes over `descriptor`. */
  constructor(descriptor: Descriptor) {
    this.info = readInfo(descriptor.fd);
    this.#descriptor = descriptor;
    this.#perCpu = isPerCpu(this.info.typeNumber);
    this.#stride = this.#perCpu ? Math.ceil(this.info.valueSize / 8) * 8 : this.info.valueSize;
  }

  static create(spec: MapSpec): BpfMap {
    const { name, keySize, valueSize, maxEntries, flags, inner } = spec;
    const options = bpf_map_create_opts({
      ...(flags === undefined ? {} : { flags }),
      ...(inner === undefined ? {} : { innerMapFd: inner.fd }),
    });
    const type = MAP_TYPE[spec.type].value;
    const fd = libbpf().bpf_map_create(type, name.slice(0, 15), keySize, valueSize, maxEntries, options);
    if (fd < 0) throw syscallError(`cannot create the map ${name} (${spec.type})`, -fd);
    return new BpfMap(new Descriptor(fd));
  }

  /** Opens a pinned map. Throws STATE_DAMAGED where the pin is missing or is something else. */
  static open(path: string): BpfMap {
    return new BpfMap(openPin(path, "map"));
  }

  /** Opens a map by the kernel's id; undefined where it has gone. */
  static byId(id: number): BpfMap | undefined {
    const descriptor = openId(id, "map");
    return descriptor === undefined ? undefined : new BpfMap(descriptor);
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  /** The value under `key`; undefined where there is none. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    if (this.#perCpu) throw new TproxyError("INTERNAL", `${this.info.name} has a value for each CPU`);
    return this.#lookup(key, this.#stride);
  }

  /** The values under `key`, one for each possible CPU; undefined where there are none. */
  lookupPerCpu(key: Uint8Array): Uint8Array[] | undefined {
    if (!this.#perCpu) throw new TproxyError("INTERNAL", `${this.info.name} has one value for all CPUs`);
    const cpus = possibleCpus();
    const all = this.#lookup(key, this.#stride * cpus);
    if (all === undefined) return undefined;
    const at = (cpu: number) => all.subarray(cpu * this.#stride, cpu * this.#stride + this.info.valueSize);
    return Array.from({ length: cpus }, (_, cpu) => at(cpu));
  }

  #lookup(key: Uint8Array, size: number): Uint8Array | undefined {
    this.#checkKey(key);
    const value = Buffer.allocUnsafe(size);
    const result = libbpf().bpf_map_lookup_elem(this.fd, key, value);
    if (result === 0) return value;
    if (result === -ERRNO.ENOENT) return undefined;
    throw this.#error("look up in", result);
  }

  /** Sets the value under `key`; in a per-CPU map, that of every CPU. False where `mode` forbids it. */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = "any"): boolean {
    this.#checkKey(key);
    this.#checkLength("value", value, this.info.valueSize);
    const whole = this.#perCpu ? this.#forEachCpu(value) : value;
    const result = libbpf().bpf_map_update_elem(this.fd, key, whole, UPDATE[mode]);
    if (result === 0) return true;
    if (result === -ERRNO.EEXIST && mode === "create") return false;
    if (result === -ERRNO.ENOENT && mode === "replace") return false;
    throw this.#error("write to", result);
  }

  /**
   * Sets many values: in one system call where kernel (5.6; tries: 5.13) and map type allow it, one by one where they do
   * not. Not atomic: on an error, some are set.
   */
  updateAll(entries: readonly RawEntry[]): void {
    if (entries.length > 1 && !this.#perCpu && this.#updateBatch(entries)) return;
    for (const [key, value] of entries) this.update(key, value);
  }

  #updateBatch(entries: readonly RawEntry[]): boolean {
    const { keySize, valueSize } = this.info;
    const keys = Buffer.allocUnsafe(entries.length * keySize);
    const values = Buffer.allocUnsafe(entries.length * valueSize);
    for (const [index, [key, value]] of entries.entries()) {
      this.#checkKey(key);
      this.#checkLength("value", value, valueSize);
      keys.set(key, index * keySize);
      values.set(value, index * valueSize);
    }
    const count = Uint32Array.of(entries.length);
    return libbpf().bpf_map_update_batch(this.fd, keys, values, count, null) === 0;
  }

  /** Sets a value that is a descriptor: a socket (sockmap) or a map (map of maps). */
  updateFd(key: Uint8Array, fd: number, mode: UpdateMode = "any"): boolean {
    const value = Buffer.alloc(this.info.valueSize);
    value.writeUInt32LE(fd);
    return this.update(key, value, mode);
  }

  /** Removes `key`. False where it was not there. */
  delete(key: Uint8Array): boolean {
    this.#checkKey(key);
    const result = libbpf().bpf_map_delete_elem(this.fd, key);
    if (result === 0) return true;
    if (result === -ERRNO.ENOENT) return false;
    throw this.#error("delete from", result);
  }

  /** All keys. While others delete, the kernel may start over: no more than the map can hold are given. */
  *keys(): Generator<Uint8Array> {
    let previous: Uint8Array | null = null;
    for (let count = 0; count < this.info.maxEntries; count++) {
      const next: Uint8Array = Buffer.allocUnsafe(this.info.keySize);
      const result = libbpf().bpf_map_get_next_key(this.fd, previous, next);
      if (result === -ERRNO.ENOENT) return;
      if (result < 0) throw this.#error("list", result);
      yield next;
      previous = next;
    }
  }

  /** All entries; those that go while this runs are left out. */
  *entries(): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    for (const key of this.keys()) {
      const value = this.lookup(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** Forbids user space to write from now on; the programs still may. */
  freeze(): void {
    const result = libbpf().bpf_map_freeze(this.fd);
    if (result < 0) throw this.#error("freeze", result);
  }

  /** The kernel memory that the map takes. */
  memoryBytes(): number {
    return memoryBytes(this.fd);
  }

  pin(path: string): void {
    pin(this.fd, path);
  }

  /** The same map with a descriptor of its own, for one that shall outlive its object. */
  duplicate(): BpfMap {
    return new BpfMap(new Descriptor(dup(this.fd)));
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }

  #forEachCpu(value: Uint8Array): Uint8Array {
    const all = Buffer.alloc(this.#stride * possibleCpus());
    for (let at = 0; at < all.length; at += this.#stride) all.set(value, at);
    return all;
  }

  #checkKey(key: Uint8Array): void {
    this.#checkLength("key", key, this.info.keySize);
  }

  /** C reads as many bytes as the map says: a short buffer would have it read what lies behind. */
  #checkLength(what: string, bytes: Uint8Array, size: number): void {
    if (bytes.length === size) return;
    throw new TproxyError("INTERNAL", `${this.info.name}: a ${what} of ${bytes.length} bytes, not ${size}`);
  }

  #error(verb: string, result: number): TproxyError {
    return syscallError(`cannot ${verb} the map ${this.info.name}`, -result);
  }
}

function readInfo(fd: number): MapInfo {
  const info = infoOf(fd, 88);
  const typeNumber = info.readUInt32LE(0);
  return {
    id: info.readUInt32LE(4),
    name: fixedString(info.subarray(24, 40)),
    type: mapTypeName(typeNumber),
    typeNumber,
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
  };
}

let cpus: number | undefined;

function possibleCpus(): number {
  cpus ??= libbpf().libbpf_num_possible_cpus();
  if (cpus < 1) throw syscallError("libbpf_num_possible_cpus()", -cpus);
  return cpus;
}
