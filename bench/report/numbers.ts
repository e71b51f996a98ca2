// Numbers as people read them.

/** Three digits that say something, and no more; whole thousands are set apart. */
export function formatNumber(value: number): string {
  const magnitude = Math.abs(value);
  const decimals = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;
  return value.toLocaleString("en-US", { maximumFractionDigits: decimals, minimumFractionDigits: decimals });
}

export function formatRatio(value: number): string {
  return `× ${value >= 10 ? formatNumber(value) : value.toFixed(2)}`;
}

/** 1 000, 65 534 */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US").replaceAll(",", "\u00a0");
}
