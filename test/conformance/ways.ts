// The ways in which connections are intercepted; every test of conformance holds for each of them.

export interface EbpfWay {
  readonly way: string;
  readonly engine: "ebpf";
  readonly flags: readonly string[];
  /** The counter of `status` that shows that this way is the one that was used inbound. */
  readonly counter: string;
}

export interface IptablesWay {
  readonly way: string;
  readonly engine: "iptables";
  readonly flags: readonly string[];
  readonly mode: "nft" | "legacy";
}

export type Way = EbpfWay | IptablesWay;

export const SK_LOOKUP: EbpfWay = {
  way: "sk_lookup",
  engine: "ebpf",
  flags: [],
  counter: "inboundSynLookup",
};

export const TC: EbpfWay = {
  way: "tc",
  engine: "ebpf",
  flags: ["--ebpf-tc-attach-iface", "eth0"],
  counter: "inboundSynTc",
};

export const NFT = iptablesWay("nft");
export const LEGACY = iptablesWay("legacy");

export const EBPF_WAYS: readonly EbpfWay[] = [SK_LOOKUP, TC];
export const IPTABLES_WAYS: readonly IptablesWay[] = [NFT, LEGACY];
export const WAYS: readonly Way[] = [...EBPF_WAYS, ...IPTABLES_WAYS];

function iptablesWay(mode: IptablesWay["mode"]): IptablesWay {
  const programs = ["iptables", "ip6tables"].flatMap((name) =>
    ["", "-save", "-restore"].map((suffix) => `${name}${suffix}:/usr/sbin/${name}-${mode}${suffix}`),
  );
  return {
    way: `iptables-${mode}`,
    engine: "iptables",
    flags: ["--engine=iptables", "--iptables-executables", programs.join(",")],
    mode,
  };
}
