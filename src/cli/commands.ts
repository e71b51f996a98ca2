// SPDX-License-Identifier: Apache-2.0

import type { ConfigShowOptions } from "../commands/config-show.ts";
import type { TextStreams } from "../commands/dataplane-transform.ts";
import type { CommandIo } from "../commands/io.ts";
import type {
  DataplaneCheckOptions,
  DataplaneTransformOptions,
  DoctorOptions,
  ExplainOptions,
  InstallOptions,
  ProxyOptions,
  PutBackOptions,
  StatusOptions,
  UninstallOptions,
  VerifyOptions,
} from "../commands/options.ts";
import type { Ask } from "../commands/uninstall-leftovers.ts";
import type { Config } from "../config/config.ts";
import type { ResolvedConfig } from "../config/resolve-config.ts";

/** The commands, each loaded when it runs: none pays for what another one needs. They resolve to the exit status. */
export interface Commands {
  readonly install: () => Promise<{
    runInstall(
      config: Config,
      options: InstallOptions,
      io: CommandIo,
      untilTerminated: () => AbortSignal,
    ): Promise<number>;
  }>;
  readonly uninstall: () => Promise<{
    runUninstall(
      options: UninstallOptions,
      io: CommandIo,
      untilTerminated: () => AbortSignal,
    ): Promise<number>;
  }>;
  readonly uninstallLeftovers: () => Promise<{
    runUninstallLeftovers(options: UninstallOptions, io: CommandIo, ask: Ask): Promise<number>;
  }>;
  readonly confirm: () => Promise<{ runConfirm(io: CommandIo): Promise<number> }>;
  readonly putBack: () => Promise<{ runPutBack(options: PutBackOptions, io: CommandIo): Promise<number> }>;
  readonly status: () => Promise<{ runStatus(options: StatusOptions, io: CommandIo): Promise<number> }>;
  readonly doctor: () => Promise<{
    runDoctor(config: Config, options: DoctorOptions, io: CommandIo): Promise<number>;
  }>;
  readonly explain: () => Promise<{
    runExplain(given: ResolvedConfig | undefined, options: ExplainOptions, io: CommandIo): Promise<number>;
  }>;
  readonly configShow: () => Promise<{
    runConfigShow(given: ResolvedConfig, options: ConfigShowOptions, io: CommandIo): Promise<number>;
  }>;
  readonly configSchema: () => Promise<{ runConfigSchema(io: CommandIo): Promise<number> }>;
  readonly dataplaneTransform: () => Promise<{
    runDataplaneTransform(
      options: DataplaneTransformOptions,
      io: CommandIo,
      streams: TextStreams,
    ): Promise<number>;
  }>;
  readonly dataplaneCheck: () => Promise<{
    runDataplaneCheck(
      given: ResolvedConfig | undefined,
      options: DataplaneCheckOptions,
      io: CommandIo,
      stdin: TextStreams["stdin"],
    ): Promise<number>;
  }>;
  readonly proxy: () => Promise<{
    runProxy(options: ProxyOptions, io: CommandIo, stop: AbortSignal): Promise<number>;
  }>;
  readonly verify: () => Promise<{
    runVerify(given: ResolvedConfig, options: VerifyOptions, io: CommandIo): Promise<number>;
  }>;
  readonly verifyProbe: () => Promise<{ serveProbe(): Promise<number> }>;
}

export const COMMANDS: Commands = {
  install: () => import("../commands/install.ts"),
  uninstall: () => import("../commands/uninstall.ts"),
  uninstallLeftovers: () => import("../commands/uninstall-leftovers.ts"),
  confirm: () => import("../commands/confirm.ts"),
  putBack: () => import("../commands/put-back.ts"),
  status: () => import("../commands/status.ts"),
  doctor: () => import("../commands/doctor.ts"),
  explain: () => import("../commands/explain.ts"),
  configShow: () => import("../commands/config-show.ts"),
  configSchema: () => import("../commands/config-schema.ts"),
  dataplaneTransform: () => import("../commands/dataplane-transform.ts"),
  dataplaneCheck: () => import("../commands/dataplane-check.ts"),
  proxy: () => import("../commands/proxy.ts"),
  verify: () => import("../commands/verify.ts"),
  verifyProbe: () => import("../commands/verify/serve-probe.ts"),
};
