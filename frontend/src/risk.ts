// What an account can lose in a market (rules, section 6). Price and size 1/100, value 1/10,000 chip.

export interface Stake {
  position: bigint;
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

export const NO_STAKE: Stake = { position: 0n, bidSize: 0n, bidValue: 0n, offerSize: 0n, offerValue: 0n };

/** The least the market can come to; adds to cash. */
export function worst(bounds: Bounds, stake: Stake): bigint {
  const bought = bounds.minSettlement * (stake.position + stake.bidSize) - stake.bidValue;
  const sold = bounds.maxSettlement * (stake.position - stake.offerSize) + stake.offerValue;
  return bought < sold ? bought : sold;
}

/** The stake with one more order, all of which rests at its limit: never too generous. */
export function withOrder(stake: Stake, side: SideName, price: bigint, size: bigint): Stake {
  return side === "bid"
    ? { ...stake, bidSize: stake.bidSize + size, bidValue: stake.bidValue + price * size }
    : { ...stake, offerSize: stake.offerSize + size, offerValue: stake.offerValue + price * size };
}
