// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { libc } from "../native/libc.ts";
import type { CommandIo } from "./io.ts";
import type { ProxyOptions } from "./options.ts";
import { becomeUser } from "./proxy/become-user.ts";
import { ConnectionTable } from "./proxy/connection-table.ts";
import { closeAll, listenOnAll } from "./proxy/listener.ts";
import { makeReporter } from "./proxy/reporter.ts";

/**
 * Runs the pass-through proxy until `stop` is aborted: the stand-in for a real sidecar. It takes redirected
 * connections, connects on to where they were going, and copies both ways.
 *
 * @returns 0
 * @throws TproxyError RUNS_AS_ROOT, PROXY_FAILED (a port cannot be listened on), LIBC_UNUSABLE
 */
export async function runProxy(options: ProxyOptions, io: CommandIo, stop: AbortSignal): Promise<number> {
  becomeUser(options.user);
  refuseRoot(options.allowRoot);
  libc(); // each connection needs it: find out now if it is not usable
  const reporter = makeReporter(options.json, io);
  const table = new ConnectionTable(
    { inbound: options.inboundPort, outbound: options.outboundPort },
    reporter,
  );
  const listeners = await listenOnAll(options, io, (socket, direction) => table.take(socket, direction));
  try {
    reporter.listening(listeners.map(({ address }) => address));
    await aborted(stop);
  } finally {
    const closed = closeAll(listeners);
    await table.endAll();
    await closed;
  }
  return 0;
}

function refuseRoot(allowRoot: boolean): void {
  if (allowRoot || process.geteuid?.() !== 0) return;
  throw new TproxyError(
    "RUNS_AS_ROOT",
    "the proxy does not run as root: connections of its user are not redirected",
    {
      hint:
        "Name the proxy's own user (--user kuma-dp), " +
        "or use --allow-root if root's connections are to be left alone.",
    },
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
