// SPDX-License-Identifier: Apache-2.0

/** Put there by the bundler. */
declare const __TPROXYCTL_VERSION__: string | undefined;

/** The version of package.json; when the sources run unbundled, none. */
export const VERSION = typeof __TPROXYCTL_VERSION__ === "string" ? __TPROXYCTL_VERSION__ : "0.0.0-source";
