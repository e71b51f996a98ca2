import { mkdtempSync } from "node:fs";

/**
 * A new directory where only root may write, as everywhere above it: from below /tmp, which is everybody's, tproxyctl
 * neither runs nor loads anything. Who makes it removes it.
 */
export function makeTrustedDirectory(purpose: string): string {
  return mkdtempSync(`/mnt/tproxyctl-${purpose}-`);
}
