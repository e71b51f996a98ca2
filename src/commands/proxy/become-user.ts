// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import { resolveProxyUser } from "../../host/users.ts";
import { setNoNewPrivileges } from "../../native/processes.ts";
import { getpwuid } from "../../native/users.ts";

/**
 * Gives up root for a user, with that user's own group and no other, for good: no program that it might run gives it more.
 * Capabilities go with the user, and the kernel lets nobody of that user look into the process. All code has to be loaded by now: the
 * user need not be able to read it. Does nothing where `user` is "".
 *
 * @throws TproxyError USER_UNKNOWN, PROXY_FAILED where the process may not change its user
 */
export function becomeUser(user: string): void {
  if (user === "") return;
  const { uid } = resolveProxyUser(user);
  const gid = getpwuid(uid)?.gid ?? uid;
  try {
    process.setgroups?.([]);
    process.setgid?.(gid);
    process.setuid?.(uid);
    setNoNewPrivileges();
  } catch (cause) {
    throw new TproxyError("PROXY_FAILED", `cannot go on as user ${user} (${uid})`, {
      cause,
      hint: "Start it as root with CAP_SETUID and CAP_SETGID, or as that user without --user.",
    });
  }
}
