// What a reader has to know who has not seen the source.

export const INTRODUCTION: readonly string[] = [
  "What it costs to put a network namespace behind a proxy: without any interception (direct), with Kuma's rules of iptables (nft and legacy), and with the eBPF programs of tproxyctl (inbound by sk_lookup, or by tc).",
  "All candidates were there at the same time, each in network namespaces of its own that are alike but for what is installed: a service and a remote host, joined by veth. In each round all of them were measured in an order drawn by lot. Where “direct” is there twice: by how much “direct again” differs from “direct”, this measurement cannot tell from nothing.",
  "A figure is the median of all samples, beside it stand the first and third quartile: half of all samples are between those. Ratios are quotients of medians of this run. Times in other runs, on other machines, are others; ratios are what can be compared.",
];

export const GOALS_INTRODUCTION =
  "What the project wants to reach. The value is that of the medians of all samples; in parentheses what it is round by round (first to third quartile).";
