import { expect, test } from "vitest";
import { type ConnectionRecord, makeReporter } from "../../../../src/commands/proxy/reporter.ts";

const record: ConnectionRecord = {
  direction: "outbound",
  client: "10.0.0.2:41234",
  originalDestination: "10.0.0.3:80",
  bytesUp: 412,
  bytesDown: 15320,
  durationMs: 13,
  error: undefined,
};

function linesOf(json: boolean, ...records: readonly ConnectionRecord[]): readonly string[] {
  const lines: string[] = [];
  const reporter = makeReporter(json, { out: (line) => lines.push(line), note: () => {} });
  reporter.listening(["0.0.0.0:15006", "[::]:15006"]);
  for (const each of records) reporter.ended(each);
  return lines;
}

test("text", () => {
  expect(
    linesOf(
      false,
      record,
      { ...record, error: "reset" },
      { ...record, originalDestination: undefined, error: "why" },
    ),
  ).toEqual([
    "listening on 0.0.0.0:15006, [::]:15006",
    "outbound 10.0.0.2:41234 -> 10.0.0.3:80 412 B up 15320 B down 13 ms",
    "outbound 10.0.0.2:41234 -> 10.0.0.3:80 412 B up 15320 B down 13 ms failed: reset",
    "outbound 10.0.0.2:41234 refused: why",
  ]);
});

test("JSON", () => {
  const { error: _, ...plain } = record;
  expect(
    linesOf(true, record, { ...record, originalDestination: undefined, error: "why" }).map((line) =>
      JSON.parse(line),
    ),
  ).toEqual([
    { event: "listening", addresses: ["0.0.0.0:15006", "[::]:15006"] },
    { event: "connection", ...plain },
    { event: "connection", ...plain, originalDestination: null, error: "why" },
  ]);
});
