// How often what is tried very often is tried. `./scripts/test --whole`, as continuous integration runs it, leaves nothing
// out; `./scripts/test`, for somebody who waits, takes a part of it: less of the same, another part each time, and never
// another check. Of what differs in a variant alone (IPv4 or IPv6, nft or legacy), some variants.

/** All of it. */
export const WHOLE = process.env.TPROXYCTL_TEST_WHOLE === "1";

/** How often something is tried. */
export function howOften(whole: number, part: number): number {
  return WHOLE ? whole : part;
}

/** A list, or a part of it: every so many-th, beginning anywhere, so that many runs see all. */
export function someOf<T>(all: readonly T[], every: number): readonly T[] {
  if (WHOLE) return all;
  const first = Math.floor(Math.random() * every);
  return all.filter((_, index) => index % every === first % Math.min(every, all.length));
}
