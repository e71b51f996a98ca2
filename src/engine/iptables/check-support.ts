// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { type CodedCheck, runCheck } from "../run-check.ts";
import { requireSupport } from "./require.ts";

/** Whether the options ask for anything that rules cannot do, for `doctor`. */
export function checkSupport({ redirect }: Pick<Config, "redirect">): CodedCheck {
  const look = () => {
    requireSupport(redirect);
    return "none that it cannot do";
  };
  return runCheck({ name: "options", what: "options that the engine knows", look });
}
