// Writes docs/configuration.md. Run it after a change of the settings; a test says where that was forgotten.
//   node scripts/gen-config-reference.ts

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderConfigReference } from "./render-config-reference.ts";

const page = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));
writeFileSync(page, renderConfigReference());
console.log(`gen-config-reference: wrote ${page}`);
