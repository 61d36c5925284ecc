import assert from "node:assert/strict";
import { test } from "node:test";
import { MarketStatus, type ServerMessage } from "../src/gen/proto/exchange_pb";
import { applyFrame, bookSlice, definitions, resume, type State, switched } from "../src/store";
import { at, begin, bid, cancelled, end, orders, say } from "./say";
import { levels, market, slice, withBook } from "./states";

const ended = (requestId: string, ...streams: string[]): ServerMessage =>
  say({ case: "unsubscribed", value: { streams } }, requestId);
const sudoSet = (on: boolean, requestId = "sudo"): ServerMessage => say({ case: "sudoSet", value: { on } }, requestId);
const upToDate = say({ case: "upToDate", value: { seq: 90n, epoch: 4n } });
const rain = (name: string): ServerMessage =>
  say({ case: "markets", value: { markets: [{ ...market(MarketStatus.OPEN), name }] } });
const updated = (name: string): ServerMessage =>
  say({ case: "marketUpdated", value: { market: { ...market(MarketStatus.OPEN), name } } });
/** The book of market 7 anew: one bid. */
const anew = (stream: string, seq: bigint, account: bigint): ServerMessage[] => [
  begin(stream),
  rain("Rain"),
  orders(bid(9n, 4_800n, 100n, account)),
  end(stream, seq),
];
const owners = (state: State): bigint[] =>
  [...(bookSlice(state, 7n)?.book.orders.values() ?? [])].map((order) => order.accountId);

function inSudo(): State {
  const state = withBook();
  state.switching = true;
  applyFrame(state, [ended("", "market.7"), ...anew("market.7.unmasked", 12n, 5n), sudoSet(true)]);
  return state;
}

test("in sudo the book is the unmasked one, and without it the masked one", () => {
  const state = inSudo();
  assert.deepEqual([owners(state), state.sudo, state.switching], [[5n], true, false]);
  state.switching = true;
  applyFrame(state, [ended("", "market.7.unmasked")]);
  assert.deepEqual(owners(state), [5n]); // until the other form is here
  applyFrame(state, [...anew("market.7", 14n, 0n), sudoSet(false)]);
  assert.deepEqual([owners(state), state.sudo, [...state.slices.keys()]], [[0n], false, ["market.7"]]);
  assert.equal(state.lost.size, 0);
});

test("a flip of hidden ids leads to the same book in either order", () => {
  const parts = [[ended("", "market.7.unmasked")], anew("market.7", 20n, 8n)];
  for (const order of [parts, [...parts].reverse()]) {
    const state = inSudo();
    for (const part of order) {
      applyFrame(state, part);
      assert.equal(owners(state).length, 1);
    }
    applyFrame(state, [at("market.7.unmasked", 0n, 21n), cancelled(9n)]); // of the form that has ended
    applyFrame(state, [upToDate]);
    assert.deepEqual([owners(state), [...state.slices.keys()]], [[8n], ["market.7"]]);
  }
});

test("a market that may not be seen any more is gone at once, and is lost until it comes again", () => {
  const state = withBook();
  applyFrame(state, [ended("", "market.7")]);
  assert.equal(bookSlice(state, 7n), undefined);
  assert.deepEqual([...state.lost], [7n]);
  applyFrame(state, anew("market.7", 20n, 8n));
  assert.equal(state.lost.size, 0);
  applyFrame(state, [ended("r1", "market.7")]);
  assert.equal(state.lost.size, 0); // one's own wish
});

test("sudo that ends by itself takes with it what only sudo showed", () => {
  const state = inSudo();
  applyFrame(state, [begin("market.5"), end("market.5", 13n), begin("account.8"), end("account.8", 13n)]);
  applyFrame(state, [ended("", "account.8", "market.5", "market.7.unmasked"), ...anew("market.7", 14n, 0n)]);
  applyFrame(state, [say({ case: "actingAs", value: { accountId: 3n } }), sudoSet(false, "")]);
  assert.deepEqual([[...state.slices.keys()], [...state.lost], state.actingAs], [["market.7"], [5n], 3n]);
});

test("a refused switch leaves the book as it is", () => {
  const state = withBook();
  state.switching = true;
  switched(state);
  assert.equal(levels(state).length, 4);
  applyFrame(state, [ended("", "market.7")]);
  assert.equal(bookSlice(state, 7n), undefined);
});

test("what was heard in sudo is not resumed; what does not come again is gone when it is ready", () => {
  const state = inSudo();
  applyFrame(state, [upToDate]);
  assert.equal(resume(state), null);
  applyFrame(state, [say({ case: "authenticated", value: { epoch: 4n, accountId: 3n } }, "authenticate")]);
  assert.deepEqual(owners(state), [5n]);
  applyFrame(state, [say({ case: "actingAs", value: { accountId: 3n } }, "authenticate")]);
  assert.equal(bookSlice(state, 7n), undefined);
});

test("the newest definition counts, and none when no stream tells of the market", () => {
  const state = withBook();
  applyFrame(state, [begin("public"), rain("Drizzle"), end("public", 11n), begin("account.5"), end("account.5", 11n)]);
  assert.equal(definitions(state).get(7n)?.name, "Drizzle");
  applyFrame(state, [at("market.7", 10n, 12n), updated("Storm")]);
  assert.equal(definitions(state).get(7n)?.name, "Storm");
  const withdrawn = say({ case: "marketWithdrawn", value: { marketId: 7n } });
  applyFrame(state, [at("account.5", 11n, 13n), updated("Secret"), at("public", 11n, 13n), withdrawn]);
  applyFrame(state, [ended("", "market.7")]);
  assert.equal(definitions(state).get(7n)?.name, "Secret");
  applyFrame(state, [at("account.5", 13n, 14n), withdrawn]);
  assert.equal(definitions(state).get(7n), undefined);
});

test("a summary is a line, also when UpToDate has passed its command", () => {
  const state = withBook();
  const line = (best: bigint): ServerMessage => say({ case: "marketSummary", value: { marketId: 7n, bid: best } });
  applyFrame(state, [begin("market.7.summary"), line(4_000n), end("market.7.summary", 10n), upToDate]);
  applyFrame(state, [at("market.7.summary", 10n, 90n), line(4_200n)]);
  assert.equal(slice(state, "market.7.summary").summary?.bid, 4_200n);
  assert.equal(levels(state).length, 4);
});
