// One market's order book: resting orders, and levels that each change adjusts.

import { type Order, Side } from "./gen/proto/exchange_pb";
import type { SideName } from "./risk";

export interface Level {
  price: bigint;
  size: bigint;
}

/** A level in the ladder. total: cumulative size; mine: own size; share: bar length in % of the longest bar. */
export interface Rung extends Level {
  total: bigint;
  mine: bigint;
  share: number;
}

export class Book {
  readonly orders = new Map<bigint, Order>();
  private readonly levels: Record<SideName, Map<bigint, bigint>> = { bid: new Map(), offer: new Map() };

  /** Adds or replaces a resting order; one with nothing open is removed. */
  put(order: Order): void {
    this.setOpen(order.id, 0n);
    if (order.open <= 0n) return;
    this.orders.set(order.id, order);
    this.changeLevel(order, order.open);
  }

  /** Sets the open size of an order (not a difference). Ignores unknown orders. */
  setOpen(id: bigint, open: bigint): void {
    const order = this.orders.get(id);
    if (!order) return;
    this.changeLevel(order, open - order.open);
    order.open = open;
    if (open <= 0n) this.orders.delete(id);
  }

  clear(): void {
    this.orders.clear();
    this.levels.bid.clear();
    this.levels.offer.clear();
  }

  best(side: SideName): bigint | null {
    let best: bigint | null = null;
    for (const price of this.levels[side].keys()) {
      if (best === null || (side === "bid" ? price > best : price < best)) best = price;
    }
    return best;
  }

  /** The best `depth` levels, best first. */
  top(side: SideName, depth: number): Level[] {
    const sizes = this.levels[side];
    return this.sorted(side)
      .slice(0, depth)
      .map((price) => ({ price, size: sizes.get(price) ?? 0n }));
  }

  private changeLevel(order: Order, by: bigint): void {
    const sizes = this.levels[sideName(order.side)];
    const size = (sizes.get(order.price) ?? 0n) + by;
    if (size > 0n) sizes.set(order.price, size);
    else sizes.delete(order.price);
  }

  private sorted(side: SideName): bigint[] {
    const rising = [...this.levels[side].keys()].sort((a, b) => (a < b ? -1 : 1));
    return side === "bid" ? rising.reverse() : rising;
  }
}

export const sideName = (side: Side): SideName => (side === Side.BID ? "bid" : "offer");

/** The ladder of both sides: cumulative sizes, own size per level, bars on one scale. */
export function ladder(book: Book, own: Iterable<Order>, depth: number): Record<SideName, Rung[]> {
  const mine = new Map<string, bigint>();
  for (const order of own) {
    const key = `${sideName(order.side)} ${order.price}`;
    mine.set(key, (mine.get(key) ?? 0n) + order.open);
  }
  const sides = { bid: rungs("bid"), offer: rungs("offer") };
  const longest = [...sides.bid, ...sides.offer].reduce((most, rung) => (rung.total > most ? rung.total : most), 1n);
  for (const rung of [...sides.bid, ...sides.offer]) rung.share = Number((rung.total * 100n) / longest);
  return sides;

  function rungs(side: SideName): Rung[] {
    let total = 0n;
    return book.top(side, depth).map(({ price, size }) => {
      total += size;
      return { price, size, total, mine: mine.get(`${side} ${price}`) ?? 0n, share: 0 };
    });
  }
}
