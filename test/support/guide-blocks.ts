// The commands of a guide, with the output that it shows: fenced blocks of `console`.

/** Who types it: root on the host, or somebody on another machine. */
export type Prompt = "host#" | "client$";

export interface GuideCommand {
  readonly prompt: Prompt;
  /** With the lines of a here-document. */
  readonly text: string;
  /** What the guide shows; `…` stands for anything in a line, alone in a line for any lines. */
  readonly output: readonly string[];
  /** The guide says that it fails: ```console fails. */
  readonly fails: boolean;
  /** In the guide, from 1. */
  readonly line: number;
}

/** All commands of a text in Markdown, in their order. */
export function guideCommands(markdown: string): GuideCommand[] {
  const lines = markdown.split("\n");
  const commands: GuideCommand[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^( *)```console(.*)$/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const [, indent = "", info = ""] = fence;
    const end = lines.findIndex((line, index) => index > at && line === `${indent}\`\`\``);
    if (end < 0) throw new Error(`line ${at + 1}: the block has no end`);
    const block = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
    commands.push(...commandsOf(block, at + 2, info.trim() === "fails"));
    at = end;
  }
  return commands;
}

function commandsOf(block: readonly string[], first: number, fails: boolean): GuideCommand[] {
  const commands: GuideCommand[] = [];
  for (let at = 0; at < block.length; ) {
    const start = /^(host#|client\$) (.*)$/.exec(block[at] ?? "");
    if (start === null) throw new Error(`line ${first + at}: a command was expected: ${block[at]}`);
    const begin = at;
    const text = [start[2] ?? ""];
    const hereDocument = /<<'?(\w+)'?/.exec(text[0] ?? "")?.[1];
    at++;
    while (hereDocument !== undefined && text.at(-1) !== hereDocument) text.push(block[at++] ?? hereDocument);
    while (hereDocument === undefined && text.at(-1)?.endsWith("\\") === true) text.push(block[at++] ?? "");
    const output: string[] = [];
    while (at < block.length && !/^(host#|client\$) /.test(block[at] ?? "")) output.push(block[at++] ?? "");
    const prompt = start[1] === "client$" ? "client$" : "host#";
    commands.push({ prompt, text: text.join("\n"), output, fails, line: first + begin });
  }
  return commands;
}

/** Whether output is what the guide shows. */
export function fitsOutput(shown: readonly string[], lines: readonly string[]): boolean {
  const [pattern, ...rest] = shown;
  if (pattern === undefined) return lines.length === 0;
  if (pattern === "…")
    return Array.from({ length: lines.length + 1 }, (_, skip) => skip).some((skip) =>
      fitsOutput(rest, lines.slice(skip)),
    );
  const [line, ...others] = lines;
  return line !== undefined && fitsLine(pattern, line) && fitsOutput(rest, others);
}

function fitsLine(pattern: string, line: string): boolean {
  const parts = pattern.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(line);
}
