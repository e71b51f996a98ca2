// SPDX-License-Identifier: Apache-2.0
import type { CliEnvironment } from "./environment.ts";

/** Whether the answer is yes; undefined without a terminal. Anything that is not yes is no, the end of the input too. */
export async function askOnTerminal(
  question: string,
  { isTerminal, stdin, stderr }: Pick<CliEnvironment, "isTerminal" | "stdin" | "stderr">,
): Promise<boolean | undefined> {
  if (isTerminal?.() !== true) return undefined;
  stderr.write(question);
  let answer = "";
  for await (const chunk of stdin()) {
    answer += chunk.toString();
    if (answer.includes("\n")) break;
  }
  return /^y(es)?$/i.test(answer.trim());
}
