/**
 * A command as another user, who may read all files all the same: the checkout and its Node may stand in a
 * directory that is closed to others (/root, a runner's home).
 */
export function asUser(uid: number, command: readonly string[]): string[] {
  const readAll = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"];
  const user = ["--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
  return ["setpriv", ...user, ...readAll, "--", ...command];
}

export function node(program: string, ...args: readonly string[]): string[] {
  return [process.execPath, program, ...args];
}
