// SPDX-License-Identifier: Apache-2.0
import { describeError, TproxyError } from "../../core/errors.ts";
import { libc } from "../../native/libc.ts";
import { becomeUser } from "../proxy/become-user.ts";
import { joinCgroup } from "./join-cgroup.ts";
import { OwnProbe, type Probe } from "./probe.ts";
import type { ProbeReply, ProbeRequest, Role } from "./probe-messages.ts";

/**
 * The other side of a ProbeProcess: does what it is told until that goes away.
 *
 * @throws TproxyError USAGE where a person started it
 */
export async function serveProbe(): Promise<number> {
  const send = process.send?.bind(process);
  if (send === undefined) {
    throw new TproxyError("USAGE", "verify-probe is a part of verify, and started by it alone", {
      hint: "Run `tproxyctl verify`.",
    });
  }
  libc(); // it may be unreadable for the user that this process becomes
  const probe = new OwnProbe();
  process.on("message", (request: ProbeRequest) => {
    void answer(probe, request).then((reply) => send(reply));
  });
  await new Promise((resolve) => process.once("disconnect", resolve));
  // What is still open ends with the process: who started it may not be allowed to kill it, and does not wait for more.
  process.exit(0);
}

async function answer(probe: Probe, request: ProbeRequest): Promise<ProbeReply> {
  const { id } = request;
  try {
    if ("role" in request) return { id, value: assume(request.role) };
    const method = probe[request.method] as (argument: unknown) => Promise<unknown>;
    return { id, value: await method.call(probe, request.argument) };
  } catch (error) {
    const code = error instanceof TproxyError ? error.code : undefined;
    return { id, problem: describeError(error), code };
  }
}

/** The cgroup first: only root may choose it. */
function assume({ uid, cgroup }: Role): void {
  if (cgroup !== undefined) joinCgroup(cgroup);
  if (uid !== process.geteuid?.()) becomeUser(String(uid));
}
