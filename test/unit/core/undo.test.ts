import { describe, expect, test } from "vitest";
import { Undo } from "../../../src/core/undo.ts";

/** Takes back what `add` added, and tells what was done, and how it ended. */
async function undone(add: (undo: Undo, step: (name: string) => () => void) => void) {
  const done: string[] = [];
  const undo = new Undo();
  add(undo, (name) => () => void done.push(name));
  const error = await undo[Symbol.asyncDispose]().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { done, error };
}

function fail(): never {
  throw new Error("no");
}

describe("what is taken back", () => {
  test("is everything, the newest first", async () => {
    const { done, error } = await undone((undo, step) => {
      undo.addIfAllUndone("a", step("a"));
      undo.add("b", step("b"));
      undo.add("c", step("c"));
    });
    expect(done).toEqual(["c", "b", "a"]);
    expect(error).toBeUndefined();
  });

  test("is nothing once it is kept", async () => {
    const { done } = await undone((undo, step) => {
      undo.add("a", step("a"));
      undo.keep();
    });
    expect(done).toEqual([]);
  });

  test("is, after a failure, all but what says that something is left", async () => {
    const { done, error } = await undone((undo, step) => {
      undo.add("a", step("a"));
      undo.addIfAllUndone("b", step("b"));
      undo.add("c", fail);
      undo.addIfAllUndone("d", step("d"));
    });
    expect(done).toEqual(["d", "a"]);
    expect(error).toMatchObject({ message: "could not take back everything: c: no" });
  });
});
