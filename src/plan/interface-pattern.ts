// SPDX-License-Identifier: Apache-2.0

/** Whether a name ("eth0"), or the beginning of names and `+` ("br+"), stands for an interface, or for itself. */
export function standsFor(pattern: string, name: string): boolean {
  return pattern.endsWith("+") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
