// SPDX-License-Identifier: Apache-2.0
import type { CommandIo } from "../io.ts";
import type { Direction } from "./direction.ts";

/** What became of one connection. */
export interface ConnectionRecord {
  readonly direction: Direction;
  /** `10.0.0.2:41234`; "unknown" where it was gone before it was looked at. */
  readonly client: string;
  /** Where it was going; undefined: the kernel does not know, or it was the proxy itself. */
  readonly originalDestination: string | undefined;
  /** Bytes from the client. */
  readonly bytesUp: number;
  /** Bytes to the client. */
  readonly bytesDown: number;
  readonly durationMs: number;
  /** Why it failed, or ended before its time. */
  readonly error: string | undefined;
}

/** Tells on stdout what the proxy does, one line an event. */
export interface Reporter {
  listening(addresses: readonly string[]): void;
  ended(record: ConnectionRecord): void;
}

export function makeReporter(json: boolean, io: CommandIo): Reporter {
  return json ? jsonReporter(io) : textReporter(io);
}

function jsonReporter({ out }: CommandIo): Reporter {
  return {
    listening: (addresses) => out(JSON.stringify({ event: "listening", addresses })),
    ended: ({ originalDestination, error, ...rest }) => {
      const record = { event: "connection", ...rest, originalDestination: originalDestination ?? null };
      out(JSON.stringify(error === undefined ? record : { ...record, error }));
    },
  };
}

function textReporter({ out }: CommandIo): Reporter {
  return {
    listening: (addresses) => out(`listening on ${addresses.join(", ")}`),
    ended: ({ direction, client, originalDestination, bytesUp, bytesDown, durationMs, error }) => {
      if (originalDestination === undefined) {
        out(`${direction} ${client} refused: ${error ?? "no destination"}`);
        return;
      }
      const transfer = `${bytesUp} B up ${bytesDown} B down ${durationMs} ms`;
      const failure = error === undefined ? "" : ` failed: ${error}`;
      out(`${direction} ${client} -> ${originalDestination} ${transfer}${failure}`);
    },
  };
}
