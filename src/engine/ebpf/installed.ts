// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { openPinIf } from "../../bpf/descriptor.ts";
import { BpfLink, type LinkInfo } from "../../bpf/link.ts";
import { BpfMap } from "../../bpf/map.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { TproxyError } from "../../core/errors.ts";
import { findUnrecorded } from "./filter.ts";
import type { FilterRecord } from "./filter-record.ts";
import { findHook } from "./find-hook.ts";
import { understandRecord } from "./foreign-record.ts";
import { type Hook, hookKey } from "./hooks.ts";
import {
  allPins,
  linkPin,
  mapPin,
  type PinDirectory,
  pinsOf,
  programPin,
  RECORD_PIN,
} from "./pin-directory.ts";
import { type InstanceRecord, RECORD_FORMAT, readRecord } from "./record.ts";

/** A link of an installation, and what it was like when that was read. */
export interface InstalledLink {
  /** As `hookKey` of its hook. */
  readonly key: string;
  readonly pin: string;
  readonly link: BpfLink;
  readonly info: LinkInfo;
}

/**
 * An installation that is there, or one that never got that far, read back from its pins. What is opened through it is
 * closed with it.
 *
 * Another version's, whose record has another format, is there, too: what it has attached is read from the kernel, under
 * whatever names it is pinned.
 */
export class Installed implements Disposable {
  readonly path: string;
  /** The home that it is in. */
  readonly bpffs: string;
  readonly generation: number;
  readonly state: PinDirectory["state"];
  readonly record: InstanceRecord;
  /** Undefined: the record can be read. */
  readonly damage: TproxyError | undefined;
  readonly #opened: Disposable[] = [];
  #links: readonly InstalledLink[] | undefined;

  constructor(directory: PinDirectory) {
    this.path = directory.path;
    this.bpffs = directory.bpffs;
    this.generation = directory.generation;
    this.state = directory.state;
    const { record, damage } = tryReadRecord(join(directory.path, RECORD_PIN));
    this.record = record;
    this.damage = damage;
    if (!this.isForeign) return;
    const hooks = this.links().map(({ info, pin }) => this.#hookOf(info, pin));
    const filters = this.hasLostRecord ? findUnrecorded() : record.filters;
    this.record = { ...record, hooks: [...hooks, ...filters.map(tcHookOf)], filters };
  }

  /** The record, and so the pins beside it, have another format: they are not known by their names. */
  get isForeign(): boolean {
    return this.record.format !== RECORD_FORMAT;
  }

  /** Something is there, and what no pin holds is written down nowhere. */
  get hasLostRecord(): boolean {
    return this.damage !== undefined && allPins(this.path).length > 0;
  }

  map(name: string): BpfMap {
    return this.#keep(BpfMap.open(join(this.path, mapPin(name))));
  }

  /** Undefined where it has none. Another version's is known by the kernel's name: 15 characters at most. */
  findMap(name: string): BpfMap | undefined {
    if (this.isForeign) return this.maps().find(({ info }) => info.name === name);
    return pinsOf(this.path, "map").includes(name) ? this.map(name) : undefined;
  }

  mapNames(): string[] {
    return this.isForeign ? this.maps().map(({ info }) => info.name) : pinsOf(this.path, "map");
  }

  /** Another version's are not known by their names: none. */
  programNames(): string[] {
    return this.isForeign ? [] : pinsOf(this.path, "program");
  }

  maps(): BpfMap[] {
    if (!this.isForeign) return pinsOf(this.path, "map").map((name) => this.map(name));
    return this.#pins().flatMap((pin) => {
      const descriptor = openPinIf(join(this.path, pin), "map");
      return descriptor === undefined ? [] : [this.#keep(new BpfMap(descriptor))];
    });
  }

  program(name: string): BpfProgram {
    return this.#keep(BpfProgram.open(join(this.path, programPin(name))));
  }

  /** The link of a hook; undefined where this installation has none of it. */
  link(key: string): InstalledLink | undefined {
    return this.links().find((each) => each.key === key);
  }

  /** All links. */
  links(): readonly InstalledLink[] {
    this.#links ??= this.isForeign ? this.#findLinks() : this.#namedLinks();
    return this.#links;
  }

  programs(): BpfProgram[] {
    if (!this.isForeign) return pinsOf(this.path, "program").map((name) => this.program(name));
    return this.#pins().flatMap((pin) => {
      const program = BpfProgram.openIf(join(this.path, pin));
      return program === undefined ? [] : [this.#keep(program)];
    });
  }

  [Symbol.dispose](): void {
    this.#links = undefined;
    for (const opened of this.#opened.splice(0)) opened[Symbol.dispose]();
  }

  #namedLinks(): InstalledLink[] {
    return pinsOf(this.path, "link").map((key) => {
      const link = this.#keep(BpfLink.open(join(this.path, linkPin(key))));
      return { key, pin: linkPin(key), link, info: link.info() };
    });
  }

  #findLinks(): InstalledLink[] {
    return this.#pins().flatMap((pin) => {
      const link = BpfLink.openIf(join(this.path, pin));
      if (link === undefined) return [];
      const info = this.#keep(link).info();
      return [{ key: hookKey(this.#hookOf(info, pin)), pin, link, info }];
    });
  }

  #hookOf(info: LinkInfo, pin: string): Hook {
    return findHook(info) ?? { kind: "other", program: programName(info.programId), pin };
  }

  #pins(): string[] {
    return allPins(this.path).filter((pin) => pin !== RECORD_PIN);
  }

  #keep<T extends Disposable>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }
}

/** One that cannot be read does not keep anybody from replacing or removing what is pinned beside it. */
function tryReadRecord(path: string): Pick<Installed, "record" | "damage"> {
  try {
    return { record: readRecord(path), damage: undefined };
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code !== "STATE_DAMAGED") throw error;
    return { record: understandRecord({}), damage: error };
  }
}

/** Links to tc are found by their pins. */
function tcHookOf({ interface: name, index }: FilterRecord): Hook {
  return { kind: "tc", program: "tp_tc_ingress", interface: name, index };
}

function programName(id: number): string {
  using program = BpfProgram.byId(id);
  return program?.name ?? "unknown";
}
