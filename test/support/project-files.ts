// The files of the project, for tests that look at the project itself.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = fileURLToPath(new URL("../..", import.meta.url));

/** All files below a directory of the project whose names end so, as paths relative to the project. */
export function filesBelow(directory: string, ending = ""): readonly string[] {
  const top = join(projectRoot, directory);
  if (!existsSync(top)) {
    return [];
  }
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)))
    .sort();
}

export function readProjectFile(path: string): string {
  return readFileSync(join(projectRoot, path), "utf8");
}
