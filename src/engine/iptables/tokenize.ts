// SPDX-License-Identifier: Apache-2.0

/**
 * Splits a line of iptables-save into arguments the way iptables-restore does: at white space, except between double
 * quotes, where a backslash makes the next character an ordinary one. A quote that ends also ends its argument.
 * (add_param_to_argv in iptables/xshared.c)
 */
export function tokenize(text: string): string[] {
  return scan(text).tokens;
}

/** Whether the text ends between quotes: iptables-save writes a line feed in a comment as it is. */
export function endsInQuotes(text: string): boolean {
  return scan(text).quoted;
}

function scan(text: string): { readonly tokens: string[]; readonly quoted: boolean } {
  const tokens: string[] = [];
  let token: string | undefined;
  let quoted = false;
  const finish = () => {
    if (token !== undefined) tokens.push(token);
    token = undefined;
  };
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') {
      if (quoted) finish();
      else token ??= "";
      quoted = !quoted;
    } else if (quoted && character === "\\" && at + 1 < text.length) {
      token += text.charAt(++at);
    } else if (!quoted && /[ \t\n]/.test(character)) {
      finish();
    } else {
      token = (token ?? "") + character;
    }
  }
  finish();
  return { tokens, quoted };
}
