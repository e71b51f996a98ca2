// SPDX-License-Identifier: Apache-2.0

/** Put in by the build (scripts/bundle.ts); sources that run as they are have none. */
declare const __TPROXYCTL_VERSION__: string | undefined;

/** The version of this program. */
export const VERSION: string =
  typeof __TPROXYCTL_VERSION__ === "string" ? __TPROXYCTL_VERSION__ : "0.0.0-source";
