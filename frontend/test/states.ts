// A state with one market's book, and helpers to read it.

import assert from "node:assert/strict";
import { ladder } from "../src/book";
import { MarketStatus } from "../src/gen/proto/exchange_pb";
import type { Slice } from "../src/slice";
import { applyFrame, newState, type State } from "../src/store";
import { begin, bid, end, offer, orders, serverMessage, trade, trades } from "./messages";

export const market = (status: MarketStatus): { id: bigint; name: string; status: MarketStatus } => ({
  id: 7n,
  name: "Rain",
  status,
});

/** A state at seq 10 whose market.7 has bids 1 @ 48, 2 @ 47 and offers 3 @ 50, 5 @ 51. */
export function withBook(): State {
  const state = newState();
  applyFrame(state, [
    begin("market.7"),
    serverMessage({ case: "markets", value: { markets: [market(MarketStatus.OPEN)] } }),
    orders(bid(1n, 4_800n, 100n), bid(2n, 4_700n, 200n), offer(3n, 5_000n, 300n), offer(4n, 5_100n, 500n)),
    trades(trade(1n, 99n, 0n), trade(2n, 99n, 0n)),
    end("market.7", 10n),
  ]);
  return state;
}

export function slice(state: State, stream: string): Slice {
  const found = state.slices.get(stream);
  assert.ok(found);
  return found;
}

export function levels(state: State): string[] {
  const { bid: bids, offer: offers } = ladder(slice(state, "market.7").book, [], 10);
  return [...offers.reverse(), ...bids].map((rung) => `${rung.size} @ ${rung.price}`);
}
