// SPDX-License-Identifier: Apache-2.0
import type { BpfObject } from "../../bpf/object.ts";
import type { Undo } from "../../core/undo.ts";
import type { Adopted } from "./adopt.ts";
import type { Attacher } from "./attach.ts";
import { type Hook, isAnswering } from "./hooks.ts";

export interface AttachSteps {
  readonly hooks: readonly Hook[];
  /** Learns how to go back. */
  readonly undo: Undo;
  /** Makes the proxy's listeners known: when those that come are seen, and before any of them is needed. */
  readonly adopt: () => Adopted;
}

/** Waits for connections that were begun, where all of this is undone: before what answers them goes. */
type Settle = () => Promise<void>;

function settleWhenUndone(undo: Undo, settle: Settle): void {
  undo.add("waiting for connections that were begun", settle);
}

/**
 * A first installation, or one in the place of another whose maps it goes on with. What answers comes first; each hook
 * changes in one step. A connection is decided at one hook, by one program, and where it was sent is written down with it:
 * so it does not matter which of the two serves it at the others.
 *
 * @param settle where nobody would be left to answer; undefined: what was there before goes on
 */
export function attachInPlace(
  object: BpfObject,
  attacher: Attacher,
  { hooks, undo, adopt, settle }: AttachSteps & { readonly settle: Settle | undefined },
): Adopted {
  attacher.attachAll(object, hooks.filter(isAnswering), undo);
  const adopted = adopt();
  if (settle !== undefined) settleWhenUndone(undo, settle);
  attacher.attachAll(object, tcFirst(hooks.filter((hook) => !isAnswering(hook))), undo);
  return adopted;
}

/**
 * In the place of one whose maps it cannot go on with. What answers, and sk_lookup, come beside those of before: each knows
 * the connections that its own programs redirected, and leaves the others alone. Then what redirects changes, each hook in
 * one step. Those of before stay until what they began has come to its end.
 *
 * While both are there, an inbound connection is intercepted if one of the two wants it.
 */
export function attachBeside(
  object: BpfObject,
  attacher: Attacher,
  { hooks, undo, adopt, settle }: AttachSteps & { readonly settle: Settle },
): Adopted {
  const isSteering = (hook: Hook) => hook.kind === "netns";
  attacher.attachBeside(object, hooks.filter(isAnswering), undo);
  const adopted = adopt();
  attacher.attachBeside(object, hooks.filter(isSteering), undo);
  settleWhenUndone(undo, settle);
  const rest = hooks.filter((hook) => !isAnswering(hook) && !isSteering(hook));
  attacher.attachAll(object, tcFirst(rest), undo);
  return adopted;
}

/**
 * sk_lookup behind tc leaves other interfaces alone (before Linux 5.17, what tc did not tell it of): it comes when tc is
 * there. Until then, that of before has them all.
 */
function tcFirst(hooks: readonly Hook[]): Hook[] {
  const isTc = (hook: Hook) => hook.kind === "tc";
  return [...hooks.filter(isTc), ...hooks.filter((hook) => !isTc(hook))];
}
