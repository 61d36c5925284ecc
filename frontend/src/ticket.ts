// Reads the ticket as typed, and estimates what the order would use of the available balance.

import * as money from "./money";
import { type Bounds, type Exposure, mostToLose, type SideName, withOrder, worstCase } from "./risk";

export interface Terms extends Bounds {
  tickSize: bigint;
  smallestSize: bigint;
}

/** Price and size; null while one is missing; an error text if the market does not take them. */
export type Typed = { price: bigint; size: bigint } | string | null;

export function readTicket(market: Terms, typedPrice: string, typedSize: string): Typed {
  if (typedPrice.trim() === "" || typedSize.trim() === "") return null;
  const price = money.parse(typedPrice, money.PRICE_DECIMALS);
  if (typeof price === "string") return `Price: ${price}`;
  const size = money.parse(typedSize, money.SIZE_DECIMALS);
  if (typeof size === "string") return `Size: ${size}`;
  if (price < market.minSettlement || price > market.maxSettlement) {
    return `Prices in this market are from ${money.price(market.minSettlement)} to ${money.price(market.maxSettlement)}.`;
  }
  if (price % market.tickSize !== 0n) return `Prices in this market are multiples of ${money.price(market.tickSize)}.`;
  if (size <= 0n || size % market.smallestSize !== 0n) {
    return `Sizes in this market are multiples of ${money.size(market.smallestSize)}.`;
  }
  return { price, size };
}

/** The next price on the tick within the bounds, up or down. A price off the tick goes to the next multiple. */
export function stepPrice({ minSettlement, maxSettlement, tickSize }: Terms, price: bigint, up: boolean): bigint {
  const below = money.floorDiv(price, tickSize) * tickSize;
  const next = up || below !== price ? below + (up ? tickSize : 0n) : price - tickSize;
  if (next < minSettlement) return minSettlement;
  return next > maxSettlement ? maxSettlement : next;
}

/**
 * The line under the ticket; `short` if the order would be refused. It assumes that all of the order rests at its limit,
 * so the order may use less.
 */
export function estimate(
  typed: Typed,
  side: SideName,
  market: Bounds,
  exposure: Exposure,
  available: bigint,
  chip: string,
): { text: string; short: boolean } {
  if (typeof typed === "string") return { text: typed, short: true };
  const have = money.chips(available);
  if (typed === null) return { text: `You have ${have} ${chip} available.`, short: false };
  const after = withOrder(exposure, side, typed.price, typed.size);
  const uses = worstCase(market, exposure) - worstCase(market, after);
  // An order that adds no risk is never short, whatever is available.
  if (uses > available && uses > 0n) {
    return { text: `Needs up to ${money.chips(uses)} ${chip}. You have ${have} available.`, short: true };
  }
  let taken = "Uses nothing";
  if (uses > 0n) taken = `Uses ${money.chips(uses)}`;
  else if (uses < 0n) taken = `Frees ${money.chips(-uses)} and uses nothing`;
  const lose = mostToLose(market, after);
  const worst = lose > 0n ? `The most you can lose here: ${money.chips(lose)}.` : "You cannot lose here.";
  return { text: `${taken} of your ${have} available ${chip}. ${worst}`, short: false };
}
