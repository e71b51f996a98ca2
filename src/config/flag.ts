// SPDX-License-Identifier: Apache-2.0

/** A flag of the command line, as data: what the parser and the help text need to know of it. */
export interface Flag {
  /** Without the dashes: "redirect-inbound-port". */
  readonly name: string;
  /** One letter, that stands for a switch behind one dash: "i". */
  readonly short?: string;
  /**
   * What its value is called in the help text, one word ("PORT"). Undefined: it is a switch that takes `--flag`,
   * `--flag=true` and `--flag=false`, and never the next word (as Go's flags).
   */
  readonly argument?: string;
  readonly help: string;
  /** The default in the help text, where it is not plain from the flag's own text. */
  readonly defaultText?: string;
  /** Its values add up; else the last one counts. */
  readonly repeatable?: boolean;
  /** Not in the help text. */
  readonly hidden?: boolean;
  /** Accepted, and answered with this note: what replaces it, or that it does nothing. */
  readonly deprecated?: string;
  /** What its text means for the setting that it belongs to, where that is not the text itself; undefined: nothing. */
  readonly toValue?: (text: string) => string | undefined;
}

/** A flag as it was given. Which one came last matters, so these stand in the order of the command line. */
export interface GivenFlag {
  readonly flag: Flag;
  /** The text after the flag; "true" for a switch without one. */
  readonly text: string;
}

/** How messages call a flag: "--redirect-inbound-port". */
export function flagSource(flag: Flag): string {
  return `--${flag.name}`;
}
