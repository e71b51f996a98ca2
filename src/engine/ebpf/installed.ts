// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { BpfLink } from "../../bpf/link.ts";
import { BpfMap } from "../../bpf/map.ts";
import { BpfProgram } from "../../bpf/program.ts";
import {
  currentOf,
  linkPin,
  listPinDirectories,
  mapPin,
  type PinDirectory,
  pinsOf,
  programPin,
  RECORD_PIN,
} from "./pin-directory.ts";
import { type InstanceRecord, readRecord } from "./record.ts";

/** An installation that is there, read back from its pins. What is opened through it is closed with it. */
export class Installed implements Disposable {
  readonly path: string;
  readonly generation: number;
  readonly record: InstanceRecord;
  readonly #opened: Disposable[] = [];

  private constructor(directory: PinDirectory) {
    this.path = directory.path;
    this.generation = directory.generation;
    this.record = readRecord(join(directory.path, RECORD_PIN));
  }

  /** The installation of a network namespace in one bpffs, if it has one. */
  static find(bpffs: string, cookie: bigint): Installed | undefined {
    const current = currentOf(listPinDirectories(bpffs, cookie));
    return current && new Installed(current);
  }

  map(name: string): BpfMap {
    return this.#keep(BpfMap.open(join(this.path, mapPin(name))));
  }

  program(name: string): BpfProgram {
    return this.#keep(BpfProgram.open(join(this.path, programPin(name))));
  }

  /** The link at a hook; undefined where this installation has none there. */
  link(key: string): BpfLink | undefined {
    if (!this.linkKeys().includes(key)) return undefined;
    return this.#keep(BpfLink.open(join(this.path, linkPin(key))));
  }

  /** What a link runs now: not the pin, which somebody may have removed. Undefined where it has gone. */
  programOf(link: BpfLink): BpfProgram | undefined {
    const program = BpfProgram.byId(link.info().programId);
    return program && this.#keep(program);
  }

  mapNames(): string[] {
    return pinsOf(this.path, "map");
  }

  programNames(): string[] {
    return pinsOf(this.path, "program");
  }

  linkKeys(): string[] {
    return pinsOf(this.path, "link");
  }

  [Symbol.dispose](): void {
    for (const opened of this.#opened.splice(0)) opened[Symbol.dispose]();
  }

  #keep<T extends Disposable>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }
}
