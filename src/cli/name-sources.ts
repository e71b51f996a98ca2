// SPDX-License-Identifier: Apache-2.0
import type { ResolvedConfig } from "../config/resolve-config.ts";
import { SETTINGS } from "../config/settings.ts";
import { ConfigError, TproxyError } from "../core/errors.ts";

/**
 * What is wrong with a value in this place (an interface that is not there) is found where nobody knows any more how the
 * value was given, and named by its flag. Where it came from a file or a variable, the user is told that.
 */
export async function nameSources<T>({ sources }: ResolvedConfig, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof TproxyError && error.code === "USER_UNKNOWN") throw nameUser(error, sources);
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map(({ source, message }) => ({
      source: sourceOf(source, sources),
      message,
    }));
    throw new ConfigError(problems, error.hint);
  }
}

/** Where nobody was named there is no place to name; the user that explain is asked about has one. */
function nameUser(error: TproxyError, sources: ResolvedConfig["sources"]): TproxyError {
  const source = sources.get("kumaDPUser") ?? "default";
  if (source === "default" || /^--uid:/.test(error.message)) return error;
  const { message, hint, cause } = error;
  return new TproxyError(error.code, `${source}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

function sourceOf(named: string, sources: ResolvedConfig["sources"]): string {
  const setting = SETTINGS.find(({ key, flags }) => `--${flags[0]?.name ?? ""}` === named || key === named);
  const source = setting === undefined ? undefined : sources.get(setting.key);
  return source === undefined || source === "default" ? named : source;
}
