// The ways in which inbound connections are intercepted; every test of conformance holds for each of them.

export interface Way {
  readonly way: string;
  readonly flags: readonly string[];
  /** The counter of `status` that shows that this way is the one that was used. */
  readonly counter: string;
}

export const SK_LOOKUP: Way = { way: "sk_lookup", flags: [], counter: "inboundSynLookup" };
export const TC: Way = { way: "tc", flags: ["--ebpf-tc-attach-iface", "eth0"], counter: "inboundSynTc" };
export const WAYS: readonly Way[] = [SK_LOOKUP, TC];
