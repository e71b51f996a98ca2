// SPDX-License-Identifier: Apache-2.0
import { type Config, IPTABLES_EXECUTABLES, type IptablesExecutable } from "./config.ts";
import { quote, type Report, splitList } from "./values.ts";

/** `iptables:/usr/sbin/iptables-nft,iptables-save:…`: absolute paths by name, a family's three names or none. */
export function parseExecutables(text: string, report: Report): Config["iptablesExecutables"] {
  const paths = new Map<IptablesExecutable, string>();
  for (const item of splitList(text)) {
    const colon = item.indexOf(":");
    const [name, path] = colon < 0 ? [item, ""] : [item.slice(0, colon).trim(), item.slice(colon + 1).trim()];
    if (!isExecutable(name)) {
      report(`${quote(name)} is not one of the executables ${IPTABLES_EXECUTABLES.join(", ")}`);
      continue;
    }
    checkPath(name, path, report);
    const other = paths.get(name);
    if (other !== undefined && other !== path)
      report(`${name} is given twice: ${quote(other)} and ${quote(path)}`);
    paths.set(name, path);
  }
  checkFamily("iptables", paths, report);
  checkFamily("ip6tables", paths, report);
  return Object.fromEntries(paths);
}

function isExecutable(name: string): name is IptablesExecutable {
  return IPTABLES_EXECUTABLES.some((known) => known === name);
}

function checkPath(name: IptablesExecutable, path: string, report: Report): void {
  if (path === "") report(`${name} has no path: write ${name}:/usr/sbin/${name}`);
  else if (!path.startsWith("/")) report(`the path of ${name}, ${quote(path)}, is not absolute`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  else if (/[\x00-\x1f\x7f]/.test(path))
    report(`the path of ${name}, ${quote(path)}, has control characters`);
}

/** The three must be of one kind, nft or legacy: taking the others from elsewhere is how they come to be mixed. */
function checkFamily(
  family: "iptables" | "ip6tables",
  paths: ReadonlyMap<IptablesExecutable, string>,
  report: Report,
): void {
  const names = [family, `${family}-save`, `${family}-restore`] as const;
  const missing = names.filter((name) => !paths.has(name));
  if (missing.length === 0 || missing.length === names.length) return;
  report(
    `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing: give all three of ${family}, or none`,
  );
}
