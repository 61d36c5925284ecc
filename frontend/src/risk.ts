// What an account can lose in a market (docs/rules.md, section 6). Prices and sizes in 1/100, values in 1/10,000 chip.

/** Position, what it has cost, and open orders of an account in a market. */
export interface Exposure {
  position: bigint;
  cost: bigint; // 1/10,000 chip; negative for a short position
  bidSize: bigint;
  bidValue: bigint;
  offerSize: bigint;
  offerValue: bigint;
}

export interface Bounds {
  minSettlement: bigint;
  maxSettlement: bigint;
}

export type SideName = "bid" | "offer";

export const NO_EXPOSURE: Exposure = {
  position: 0n,
  cost: 0n,
  bidSize: 0n,
  bidValue: 0n,
  offerSize: 0n,
  offerValue: 0n,
};

/** The worst that the market can add to the account's cash; negative for a loss. */
export function worstCase(bounds: Bounds, exposure: Exposure): bigint {
  const bought = bounds.minSettlement * (exposure.position + exposure.bidSize) - exposure.bidValue;
  const sold = bounds.maxSettlement * (exposure.position - exposure.offerSize) + exposure.offerValue;
  return bought < sold ? bought : sold;
}

/** The most that the account can still lose on what it holds and what rests, beside what it has realised; at least 0. */
export function mostToLose(bounds: Bounds, exposure: Exposure): bigint {
  const worst = worstCase(bounds, exposure) - exposure.cost;
  return worst < 0n ? -worst : 0n;
}

/** The exposure with one more order, as if all of it rested at its limit. */
export function withOrder(exposure: Exposure, side: SideName, price: bigint, size: bigint): Exposure {
  return side === "bid"
    ? { ...exposure, bidSize: exposure.bidSize + size, bidValue: exposure.bidValue + price * size }
    : { ...exposure, offerSize: exposure.offerSize + size, offerValue: exposure.offerValue + price * size };
}
