// In which order a reader finds things.

/** Rounds are shuffled, and so is the order in which things were first measured. */
const ORDER: readonly string[] = [
  "direct",
  "direct again",
  "iptables-nft",
  "iptables-legacy",
  "nothing installed",
  "eBPF",
  "eBPF, tc",
];

interface Placed {
  readonly scenario: string;
  readonly candidate: string;
  readonly x?: number | undefined;
}

export function orderOf(candidate: string): number {
  const index = ORDER.indexOf(candidate);
  return index < 0 ? ORDER.length : index;
}

export function inOrder<T extends Placed>(rows: readonly T[]): readonly T[] {
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))].sort(compareScenarios);
  return [...rows].sort(
    (a, b) =>
      scenarios.indexOf(a.scenario) - scenarios.indexOf(b.scenario) ||
      (a.x ?? 0) - (b.x ?? 0) ||
      orderOf(a.candidate) - orderOf(b.candidate) ||
      a.candidate.localeCompare(b.candidate),
  );
}

/** Outbound comes first, as everywhere. */
function compareScenarios(a: string, b: string): number {
  const rank = (scenario: string) => (scenario.startsWith("outbound") ? 0 : 1);
  return rank(a) - rank(b) || a.localeCompare(b);
}
