// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import type { UserFact } from "../core/facts.ts";
import { getpwnam, getpwuid } from "../native/users.ts";

const DEFAULT_UID = 5678;
const DEFAULT_NAME = "kuma-dp";

/** The kernel takes 4294967295 (-1) for "no user". */
const LARGEST_UID = 4_294_967_294;

/**
 * The user that the proxy runs as:
 * - "" is UID 5678 if a user has it, else the user kuma-dp;
 * - digits are a UID (0–4294967294, without leading zeros), also if no user has it: in a container the proxy's user seldom stands in
 *   /etc/passwd, and kumactl 2.0 took such numbers too (2.9 and later refuse them). Never a name of digits;
 * - anything else is a name, for the system to know by whatever NSS is set up.
 *
 * Throws USER_UNKNOWN where there is none, or the number is out of range.
 */
export function resolveProxyUser(spec: string): UserFact {
  if (spec === "") return defaultUser();
  return /^[0-9]+$/.test(spec) ? userOfNumber(spec) : userOfName(spec);
}

/** A user by name or UID (0–4294967294), whether or not somebody has that number; undefined where there is no such user. */
export function findUser(spec: string): UserFact | undefined {
  if (!/^[0-9]+$/.test(spec)) return getpwnam(spec);
  if (/^0[0-9]/.test(spec)) return undefined;
  const uid = Number(spec);
  return uid > LARGEST_UID ? undefined : { name: getpwuid(uid)?.name, uid };
}

function defaultUser(): UserFact {
  const user = getpwuid(DEFAULT_UID) ?? getpwnam(DEFAULT_NAME);
  if (user !== undefined) return { name: user.name, uid: user.uid };
  throw new TproxyError(
    "USER_UNKNOWN",
    `there is neither a user with UID ${DEFAULT_UID} nor one named ${DEFAULT_NAME}`,
    {
      hint: `Make one (useradd -u ${DEFAULT_UID} -U ${DEFAULT_NAME}), or name the proxy's user with --kuma-dp-user.`,
    },
  );
}

function userOfNumber(digits: string): UserFact {
  const uid = Number(digits);
  if (uid > LARGEST_UID || /^0[0-9]/.test(digits)) {
    throw new TproxyError(
      "USER_UNKNOWN",
      `the proxy's user cannot be ${digits}: UIDs go from 0 to ${LARGEST_UID}, without leading zeros`,
      {
        hint: "Name the proxy's user, or give its UID, with --kuma-dp-user.",
      },
    );
  }
  return { name: getpwuid(uid)?.name, uid };
}

function userOfName(name: string): UserFact {
  const user = getpwnam(name);
  if (user !== undefined) return { name: user.name, uid: user.uid };
  throw new TproxyError("USER_UNKNOWN", `there is no user named ${JSON.stringify(name)} to run the proxy`, {
    hint: `Make one (useradd -U ${DEFAULT_NAME}), or give an existing user or a UID with --kuma-dp-user.`,
  });
}
