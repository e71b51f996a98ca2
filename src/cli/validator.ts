// SPDX-License-Identifier: Apache-2.0

/** What kumactl has below `install`, with flags of its own. */
export const VALIDATOR = "transparent-proxy-validator";

/** `install … transparent-proxy-validator` is one command here, whatever flags stand between the two words. */
export function joinValidator(argv: readonly string[]): readonly string[] {
  const install = argv.indexOf("install");
  const validator = argv.indexOf(VALIDATOR);
  if (install < 0 || validator < install) return argv;
  const between = argv.slice(install + 1, validator);
  return [...argv.slice(0, install), VALIDATOR, ...between, ...argv.slice(validator + 1)];
}
