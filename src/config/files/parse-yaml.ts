// SPDX-License-Identifier: Apache-2.0
import { Composer, type CST, type Document, Lexer, LineCounter, Parser } from "yaml";

/** Twice what 100 000 ranges in lines of their own need. Text that has more takes seconds, whatever is in it. */
const MOST_LEXEMES = 1_000_000;

export interface ParsedYaml {
  /** Undefined: the text says nothing. */
  readonly document: Document.Parsed | undefined;
  readonly lines: LineCounter;
}

export interface ParsedDocuments {
  readonly documents: readonly Document.Parsed[];
  readonly lines: LineCounter;
}

/** Where a text is no YAML. */
export interface YamlProblem {
  /** From 1; undefined where it is not about one place. */
  readonly line: number | undefined;
  /** Into the text, as the line. */
  readonly offset: number | undefined;
  readonly problem: string;
}

/** Reads one document, up to the first error. */
export function parseYaml(text: string): ParsedYaml | YamlProblem {
  // A second one is too much already.
  const parsed = parseDocuments(text, 2);
  if ("problem" in parsed) return parsed;
  const [document, second] = parsed.documents;
  if (second === undefined) return { document, lines: parsed.lines };
  return describe(new FirstError(second.range[0], "a second document begins here"), parsed.lines);
}

/**
 * Reads YAML 1.2, which JSON is a part of, up to the first error, or as soon as there are so many documents. The parser's
 * own check for keys that are there twice takes a time that grows with their square, and so do its pretty errors: neither
 * is used.
 */
export function parseDocuments(text: string, most = Number.POSITIVE_INFINITY): ParsedDocuments | YamlProblem {
  const lines = new LineCounter();
  try {
    const documents = [...compose(text, lines, most)];
    const error = documents.flatMap(({ errors }) => errors)[0];
    if (error !== undefined) throw new FirstError(error.pos[0], error.message);
    return { documents, lines };
  } catch (error) {
    if (error instanceof RangeError) return TOO_DEEP;
    if (error instanceof TooLong) return nowhere("is not read: it has too many parts");
    if (error instanceof FirstError) return describe(error, lines);
    throw error;
  }
}

function* compose(text: string, lines: LineCounter, most: number): Generator<Document.Parsed> {
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, version: "1.2" });
  stopAtFirstError(composer);
  let documents = 0;
  for (const token of tokens(text, lines)) {
    if (token.type === "error") throw new FirstError(token.offset, token.message);
    for (const document of composer.next(token)) {
      documents += 1;
      yield document;
    }
    if (documents >= most) return;
  }
  yield* composer.end(false, text.length);
}

/** What the parser does by itself, counting. */
function* tokens(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > MOST_LEXEMES) throw new TooLong();
    yield* parser.next(lexeme);
  }
  yield* parser.end();
}

class TooLong extends Error {}

class FirstError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/**
 * The parser collects errors: of a megabyte of quotation marks half a million, in seconds. It has no other way to stop it
 * than this property; without it the same errors are found, later.
 */
function stopAtFirstError(composer: Composer): void {
  let first: FirstError | undefined;
  Reflect.set(composer, "onError", (place: unknown, _code: string, message: string, isWarning?: boolean) => {
    if (isWarning === true) return;
    // What is thrown deep inside comes back here from each level above, as an error of that level.
    first ??= new FirstError(offsetOf(place), message);
    throw first;
  });
}

function offsetOf(place: unknown): number {
  if (typeof place === "number") return place;
  if (Array.isArray(place)) return offsetOf(place[0]);
  const offset: unknown = typeof place === "object" && place !== null ? Reflect.get(place, "offset") : 0;
  return typeof offset === "number" ? offset : 0;
}

function nowhere(problem: string): YamlProblem {
  return { line: undefined, offset: undefined, problem };
}

const TOO_DEEP = nowhere("is not a configuration: it is nested too deeply");

function describe({ offset, message }: FirstError, lines: LineCounter): YamlProblem {
  if (/call stack/.test(message)) return TOO_DEEP;
  const { line } = lines.linePos(offset);
  return { line, offset, problem: `is not valid YAML: ${message.split("\n", 1)[0]}` };
}
