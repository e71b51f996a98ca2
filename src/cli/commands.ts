// SPDX-License-Identifier: Apache-2.0
import type { CommandIo } from "../commands/io.ts";
import type { DoctorOptions, ProxyOptions, StatusOptions, UninstallOptions } from "../commands/options.ts";
import type { Config } from "../config/config.ts";

/** The commands, each loaded when it runs: none pays for what another one needs. They resolve to the exit status. */
export interface Commands {
  readonly install: () => Promise<{ runInstall(config: Config, io: CommandIo): Promise<number> }>;
  readonly uninstall: () => Promise<{
    runUninstall(options: UninstallOptions, io: CommandIo): Promise<number>;
  }>;
  readonly status: () => Promise<{ runStatus(options: StatusOptions, io: CommandIo): Promise<number> }>;
  readonly doctor: () => Promise<{
    runDoctor(config: Config, options: DoctorOptions, io: CommandIo): Promise<number>;
  }>;
  readonly proxy: () => Promise<{
    runProxy(options: ProxyOptions, io: CommandIo, stop: AbortSignal): Promise<number>;
  }>;
}

export const COMMANDS: Commands = {
  install: () => import("../commands/install.ts"),
  uninstall: () => import("../commands/uninstall.ts"),
  status: () => import("../commands/status.ts"),
  doctor: () => import("../commands/doctor.ts"),
  proxy: () => import("../commands/proxy.ts"),
};
