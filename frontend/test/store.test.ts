import assert from "node:assert/strict";
import { test } from "node:test";
import { ladder } from "../src/book";
import { CancelCause, MarketStatus, type ServerMessage, Side } from "../src/gen/proto/exchange_pb";
import { TRADES_KEPT } from "../src/slice";
import { applyFrame, isLoaded, newState, resume } from "../src/store";
import { begin, bid, cancelled, created, end, offer, orders, position, serverMessage, trade, trades } from "./messages";
import { levels, market, slice, withBook } from "./states";

const AS_SNAPSHOT = ["500 @ 5100", "300 @ 5000", "100 @ 4800", "200 @ 4700"];

test("auctions on the public stream are ignored", () => {
  const state = newState();
  const chair = { id: 3n, name: "Chair", buyNowPrice: 0n };
  applyFrame(state, [
    begin("public"),
    serverMessage({ case: "accounts", value: { accounts: [{ id: 2n, name: "Alice" }] } }),
    serverMessage({ case: "auctions", value: { auctions: [chair] } }),
    end("public", 10n),
  ]);
  const notices = applyFrame(state, [
    position("public", 10n, 12n),
    serverMessage({ case: "auctionCreated", value: { auction: chair } }),
    serverMessage({ case: "auctionUpdated", value: { auction: chair } }),
    serverMessage({ case: "auctionWithdrawn", value: { auction: chair } }),
    serverMessage({ case: "auctionSettled", value: { auction: chair } }),
    serverMessage({ case: "accountCreated", value: { account: { id: 5n, name: "Bob" } } }),
  ]);
  assert.deepEqual(notices, []);
  assert.deepEqual(
    [...slice(state, "public").accounts.values()].map((account) => account.name),
    ["Alice", "Bob"],
  );
  assert.equal(state.positions.get("public"), 12n);
});

test("a snapshot fills the book and the tape, newest trade first", () => {
  const state = withBook();
  assert.deepEqual(levels(state), AS_SNAPSHOT);
  assert.deepEqual(
    slice(state, "market.7").trades.map((done) => done.id),
    [2n, 1n],
  );
});

test("a snapshot over several frames replaces the state only when it is complete", () => {
  const state = withBook();
  applyFrame(state, [begin("market.7"), orders(bid(5n, 4_900n, 100n))]);
  assert.deepEqual(levels(state), AS_SNAPSHOT);
  applyFrame(state, [orders(offer(6n, 5_200n, 100n)), end("market.7", 20n)]);
  assert.deepEqual(levels(state), ["100 @ 5200", "100 @ 4900"]);
  assert.deepEqual(slice(state, "market.7").trades, []);
});

test("trades reduce the maker's order, and the rest of the taker's order appears", () => {
  const state = withBook();
  applyFrame(state, [
    position("market.7", 10n, 12n),
    trades(trade(3n, 3n, 0n), trade(4n, 4n, 400n, 5_100n)),
    created(bid(6n, 5_100n, 50n)),
  ]);
  assert.deepEqual(levels(state), ["400 @ 5100", "50 @ 5100", "100 @ 4800", "200 @ 4700"]);
  assert.equal(slice(state, "market.7").markets.get(7n)?.lastPrice, 5_100n);
});

test("a cancel removes an order, a decrement leaves the rest", () => {
  const state = withBook();
  applyFrame(state, [position("market.7", 10n, 11n), cancelled(1n), cancelled(4n, 250n)]);
  assert.deepEqual(levels(state), ["250 @ 5100", "300 @ 5000", "200 @ 4700"]);
});

test("a closed market has an empty book", () => {
  const state = withBook();
  const closed = serverMessage({ case: "marketUpdated", value: { market: market(MarketStatus.CLOSED) } });
  const notices = applyFrame(state, [
    position("market.7", 10n, 11n),
    closed,
    serverMessage({ case: "bookCleared", value: { marketId: 7n } }),
  ]);
  assert.deepEqual(levels(state), []);
  assert.deepEqual(
    notices.map((notice) => notice.kind),
    ["market"],
  );
});

test("messages at or before the position are dropped, all of their section", () => {
  const state = withBook();
  applyFrame(state, [position("market.7", 9n, 10n), cancelled(1n), cancelled(2n)]);
  assert.deepEqual(levels(state), AS_SNAPSHOT);
});

test("an overlapping replay is applied: prev_seq may be behind the position", () => {
  const state = withBook();
  applyFrame(state, [position("market.7", 4n, 12n), cancelled(1n)]);
  assert.equal(levels(state).length, 3);
  assert.equal(state.positions.get("market.7"), 12n);
});

test("a gap is noticed once, and nothing is applied until a snapshot or a replay fills it", () => {
  const state = withBook();
  const gap: ServerMessage[] = [position("market.7", 11n, 12n), cancelled(1n)];
  assert.deepEqual(applyFrame(state, gap), [{ kind: "gap", stream: "market.7" }]);
  assert.deepEqual(applyFrame(state, [position("market.7", 12n, 13n), cancelled(2n)]), []);
  assert.deepEqual(levels(state), AS_SNAPSHOT);
  assert.equal(resume(state), null);
  const filled = applyFrame(state, [begin("market.7"), orders(bid(2n, 4_700n, 200n)), end("market.7", 13n)]);
  assert.deepEqual(filled, [{ kind: "synced", stream: "market.7" }]);
  assert.deepEqual(levels(state), ["200 @ 4700"]);

  const replayed = withBook();
  applyFrame(replayed, gap);
  const missed = applyFrame(replayed, [position("market.7", 10n, 11n), cancelled(2n), ...gap]);
  assert.deepEqual(missed, [{ kind: "synced", stream: "market.7" }]);
  assert.deepEqual(levels(replayed), ["500 @ 5100", "300 @ 5000"]);
});

test("a section ends at a reply, at another stream's position and at the end of its frame", () => {
  const state = withBook();
  applyFrame(state, [position("market.7", 10n, 11n), created(bid(8n, 4_900n, 100n), "r1"), cancelled(1n)]);
  applyFrame(state, [position("market.7", 11n, 12n), position("market.8", 1n, 2n), cancelled(1n)]);
  applyFrame(state, [position("market.7", 12n, 13n)]);
  applyFrame(state, [cancelled(1n)]);
  assert.deepEqual(levels(state), AS_SNAPSHOT);
});

test("a stream without a snapshot is not built from its middle", () => {
  const state = newState();
  assert.deepEqual(applyFrame(state, [position("market.7", 4n, 5n), orders(bid(1n, 4_800n, 100n))]), []);
  assert.deepEqual([state.slices.size, state.gaps.size], [0, 0]);
});

test("a stream received from its first message needs no snapshot", () => {
  const state = newState();
  applyFrame(state, [position("market.7", 0n, 5n), created(bid(1n, 4_800n, 100n)), created(bid(2n, 4_700n, 100n))]);
  applyFrame(state, [position("market.7", 5n, 6n), cancelled(1n), position("market.8", 2n, 6n), cancelled(3n)]);
  assert.deepEqual(levels(state), ["100 @ 4700"]);
  assert.deepEqual([...state.positions], [["market.7", 6n]]);
});

test("until a connection is ready, not every market is known", () => {
  const state = newState();
  const authenticate = serverMessage({ case: "authenticated", value: { epoch: 4n } }, "authenticate");
  const ready = serverMessage({ case: "actingAs", value: { accountId: 5n } }, "authenticate");
  applyFrame(state, [authenticate, begin("public"), end("public", 1n)]);
  assert.equal(isLoaded(state), false);
  applyFrame(state, [ready]);
  assert.equal(isLoaded(state), true);
  resume(state);
  assert.equal(isLoaded(state), false);
});

test("the tape keeps only the last trades", () => {
  const state = withBook();
  const many = Array.from({ length: TRADES_KEPT + 5 }, (_, index) => trade(BigInt(index + 10), 99n, 0n));
  applyFrame(state, [position("market.7", 10n, 11n), trades(...many)]);
  const tape = slice(state, "market.7").trades;
  assert.equal(tape.length, TRADES_KEPT);
  assert.equal(tape[0]?.id, BigInt(TRADES_KEPT + 14));
});

test("an account stream: balances, exposures, own orders, and fills that reduce them", () => {
  const state = newState();
  const exposure = { marketId: 7n, position: 0n, bidSize: 100n, bidValue: 480_000n, worst: -480_000n };
  applyFrame(state, [
    begin("account.5"),
    serverMessage({
      case: "accountState",
      value: { account: { id: 5n, name: "Alice" }, cash: 10_000_000n, available: 9_520_000n, exposures: [exposure] },
    }),
    orders(bid(1n, 4_800n, 100n, 5n)),
    end("account.5", 10n),
  ]);
  const fill = { tradeId: 1n, marketId: 7n, orderId: 1n, side: Side.BID, price: 4_800n, size: 60n, open: 40n };
  const notices = applyFrame(state, [
    position("account.5", 10n, 11n),
    serverMessage({ case: "fills", value: { accountId: 5n, fills: [fill] } }),
    serverMessage({
      case: "portfolioUpdated",
      value: { accountId: 5n, cash: 9_712_000n, available: 9_520_000n, exposures: [{ ...exposure, position: 60n }] },
    }),
  ]);
  const account = slice(state, "account.5");
  assert.deepEqual(
    notices.map((notice) => notice.kind),
    ["fills"],
  );
  assert.equal(account.orders.get(1n)?.open, 40n);
  assert.deepEqual(
    [account.cash, account.available, account.exposures.get(7n)?.position],
    [9_712_000n, 9_520_000n, 60n],
  );
  applyFrame(state, [
    position("account.5", 11n, 12n),
    serverMessage({
      case: "ordersCancelled",
      value: { orders: [{ orderId: 1n, marketId: 7n, cause: CancelCause.BY_CLOSE }] },
    }),
  ]);
  assert.equal(account.orders.size, 0);
});

test("snapshots announce no fills, transfers or payouts", () => {
  const state = newState();
  const snapshot = [
    begin("account.5"),
    serverMessage({ case: "transferCreated", value: { transfer: { id: 1n } } }),
    end("account.5", 1n),
  ];
  assert.deepEqual(
    applyFrame(state, snapshot).map((notice) => notice.kind),
    ["synced"],
  );
  assert.equal(slice(state, "account.5").transfers.length, 1);
});

test("UpToDate moves every stream forward and sets where to resume", () => {
  assert.equal(resume(withBook()), null);
  const state = withBook();
  applyFrame(state, [serverMessage({ case: "upToDate", value: { seq: 30n, epoch: 4n } })]);
  assert.equal(state.positions.get("market.7"), 30n);
  assert.deepEqual(resume(state), { epoch: 4n, fromSeq: 30n });
  applyFrame(state, [position("market.7", 10n, 29n), cancelled(1n)]);
  assert.deepEqual(levels(state), AS_SNAPSHOT);
});

test("a new connection discards an unfinished snapshot", () => {
  const state = withBook();
  applyFrame(state, [begin("market.7"), orders(bid(5n, 4_900n, 100n))]);
  applyFrame(state, [serverMessage({ case: "authenticated", value: { epoch: 4n } }, "authenticate")]);
  applyFrame(state, [end("market.7", 20n)]);
  assert.deepEqual(levels(state), AS_SNAPSHOT);
});

test("the ladder adds up, marks own size and scales its bars over both sides", () => {
  const { book } = slice(withBook(), "market.7");
  const { bid: bids, offer: offers } = ladder(book, [bid(2n, 4_700n, 200n)], 2);
  assert.deepEqual(
    bids.map((rung) => [rung.total, rung.mine, rung.share]),
    [
      [100n, 0n, 12],
      [300n, 200n, 37],
    ],
  );
  assert.deepEqual(
    offers.map((rung) => [rung.total, rung.mine, rung.share]),
    [
      [300n, 0n, 37],
      [800n, 0n, 100],
    ],
  );
});

// --- Streams that begin without a snapshot

test("an account created while disconnected is followed from its beginning", () => {
  const state = newState();
  const authenticate = serverMessage({ case: "authenticated", value: { epoch: 4n, accountId: 5n } }, "authenticate");
  const ready = serverMessage({ case: "actingAs", value: { accountId: 5n } }, "authenticate");
  applyFrame(state, [authenticate, begin("account.5"), end("account.5", 10n), ready]);
  applyFrame(state, [serverMessage({ case: "upToDate", value: { seq: 10n, epoch: 4n } })]);
  assert.deepEqual(resume(state), { epoch: 4n, fromSeq: 10n });
  const alt = { account: { id: 12n, name: "Alt" }, owners: [{ ownerId: 5n }] };
  applyFrame(state, [
    authenticate,
    position("account.5", 10n, 12n),
    serverMessage({ case: "accountCreated", value: alt }),
    ready,
  ]);
  assert.equal(slice(state, "account.12").accounts.get(12n)?.name, "Alt");
  const paid = (cash: bigint): ServerMessage => serverMessage({ case: "portfolioUpdated", value: { cash } });
  // Their prev_seq is the journal's head at the matcher's start, before the connection was lost.
  applyFrame(state, [position("account.12", 4n, 13n), paid(5n), position("account.13", 4n, 14n), paid(6n)]);
  assert.deepEqual([slice(state, "account.12").cash, slice(state, "account.13").cash], [5n, 6n]);
  applyFrame(state, [position("account.14", 11n, 15n), paid(7n), position("account.15", 4n, 9n), paid(8n)]);
  assert.deepEqual(
    [state.slices.has("account.14"), state.slices.has("account.15"), state.gaps.size],
    [false, false, 0],
  );
});
