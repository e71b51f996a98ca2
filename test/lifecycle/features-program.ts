// `tproxyctl install` as on a kernel that lacks something. Run by node in the service's namespace, with what the kernel is
// said to lack as JSON, then the arguments of `install`.

import { processEnvironment } from "../../src/cli/environment.ts";
import { run } from "../../src/cli/run.ts";
import { commandsWith } from "./install-lacking.ts";

const [lacks = "{}", ...argv] = process.argv.slice(2);

process.exitCode = await run(argv, processEnvironment(), commandsWith(JSON.parse(lacks)));
