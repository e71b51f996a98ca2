// SPDX-License-Identifier: Apache-2.0
import { deflateSync, inflateSync } from "node:zlib";
import { BpfMap } from "../../bpf/map.ts";
import { TproxyError } from "../../core/errors.ts";
import type { CommonRecord } from "../record.ts";
import type { FilterRecord } from "./filter-record.ts";
import { understandRecord } from "./foreign-record.ts";
import type { Hook } from "./hooks.ts";

/** The format of records, and of the names of pins beside them, that this version writes. See decision 0012. */
export const RECORD_FORMAT = 1;

/**
 * What an installation remembers of itself: for `status`, the next `install`, and `uninstall`. It is kept in
 * a map beside the other pins, so it goes when they go, and never speaks of what is no longer there.
 */
export interface InstanceRecord extends CommonRecord {
  /** RECORD_FORMAT, or another version's: then the rest is what could be understood of it. */
  readonly format: number;
  /** Of the objects that it loaded. */
  readonly abi: string;
  /** OBJECT_STATE: which installations can go on with its maps. Undefined: an older version installed. */
  readonly state?: string;
  /** The names of `tp_counters`, in their order. Undefined: an older version installed. */
  readonly counters?: readonly string[];
  readonly netnsInode: number;
  readonly cgroupPath: string;
  readonly tcInterface?: string;
  readonly hooks: readonly Hook[];
  readonly filters: readonly FilterRecord[];
}

const KEY = new Uint8Array(4);

/**
 * In bytes. A plan with 100 000 ranges is written in 2 to 8 MiB, more than a value of an array may have before Linux
 * 6.1 (KMALLOC_MAX_SIZE, 4 MiB).
 */
const LARGE = 64 * 1024;

/** Of zlib's format (RFC 1950, deflate with a window of 32 KiB). JSON begins with "{". */
const DEFLATED = 0x78;

/** Puts a record into a map of its own, which nobody can write to afterwards. */
export function writeRecord(record: InstanceRecord): BpfMap {
  const json = Buffer.from(JSON.stringify(record));
  const text = json.length < LARGE ? json : deflateSync(json, { level: 1 });
  const map = BpfMap.create({
    type: "array",
    name: "tp_record",
    keySize: 4,
    valueSize: text.length,
    maxEntries: 1,
  });
  map.update(KEY, text);
  map.freeze();
  return map;
}

/** @throws TproxyError STATE_DAMAGED where the pin is no record. */
export function readRecord(path: string): InstanceRecord {
  using map = BpfMap.open(path);
  const value = map.lookup(KEY) ?? new Uint8Array();
  try {
    const text = value[0] === DEFLATED ? inflateSync(value) : value;
    const record: unknown = JSON.parse(Buffer.from(text).toString("utf8"));
    if (isRecord(record)) return record;
    if (typeof record === "object" && record !== null) return understandRecord(record);
  } catch (cause) {
    throw damaged(path, cause);
  }
  throw damaged(path);
}

/** Only this program, as root, writes records: the format's number tells whether we know all of it. */
function isRecord(value: unknown): value is InstanceRecord {
  return typeof value === "object" && value !== null && "format" in value && value.format === RECORD_FORMAT;
}

function damaged(path: string, cause?: unknown): TproxyError {
  return new TproxyError("STATE_DAMAGED", `${path} is no record of tproxyctl`, {
    cause,
    hint: "`tproxyctl install` replaces what is there, `tproxyctl uninstall` removes it.",
  });
}
