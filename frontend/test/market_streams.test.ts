import assert from "node:assert/strict";
import { test } from "node:test";
import { MarketStatus, type ServerMessage } from "../src/gen/proto/exchange_pb";
import { applyFrame, bookSlice, definitions, endSwitch, resume, type State } from "../src/store";
import { begin, bid, cancelled, end, orders, position, serverMessage } from "./messages";
import { levels, market, slice, withBook } from "./states";

const ended = (requestId: string, ...streams: string[]): ServerMessage =>
  serverMessage({ case: "unsubscribed", value: { streams } }, requestId);
const sudoSet = (on: boolean, requestId = "sudo"): ServerMessage =>
  serverMessage({ case: "sudoSet", value: { on } }, requestId);
const upToDate = serverMessage({ case: "upToDate", value: { seq: 90n, epoch: 4n } });
const rain = (name: string): ServerMessage =>
  serverMessage({ case: "markets", value: { markets: [{ ...market(MarketStatus.OPEN), name }] } });
const updated = (name: string): ServerMessage =>
  serverMessage({ case: "marketUpdated", value: { market: { ...market(MarketStatus.OPEN), name } } });
/** A new snapshot of market 7's book: one bid. */
const snapshot = (stream: string, seq: bigint, account: bigint): ServerMessage[] => [
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
  applyFrame(state, [ended("", "market.7"), ...snapshot("market.7.unmasked", 12n, 5n), sudoSet(true)]);
  return state;
}

test("in sudo the book is unmasked, without it masked", () => {
  const state = inSudo();
  assert.deepEqual([owners(state), state.sudo, state.switching], [[5n], true, false]);
  state.switching = true;
  applyFrame(state, [ended("", "market.7.unmasked")]);
  assert.deepEqual(owners(state), [5n]); // until the other form arrives
  applyFrame(state, [...snapshot("market.7", 14n, 0n), sudoSet(false)]);
  assert.deepEqual([owners(state), state.sudo, [...state.slices.keys()]], [[0n], false, ["market.7"]]);
  assert.equal(state.revoked.size, 0);
});

test("when a market starts or stops hiding ids, both orders of messages lead to the same book", () => {
  const parts = [[ended("", "market.7.unmasked")], snapshot("market.7", 20n, 8n)];
  for (const order of [parts, [...parts].reverse()]) {
    const state = inSudo();
    for (const part of order) {
      applyFrame(state, part);
      assert.equal(owners(state).length, 1);
    }
    applyFrame(state, [position("market.7.unmasked", 0n, 21n), cancelled(9n)]); // of the form that has ended
    applyFrame(state, [upToDate]);
    assert.deepEqual([owners(state), [...state.slices.keys()]], [[8n], ["market.7"]]);
  }
});

test("a market that is no longer visible disappears at once, and is revoked until it comes again", () => {
  const state = withBook();
  applyFrame(state, [ended("", "market.7")]);
  assert.equal(bookSlice(state, 7n), undefined);
  assert.deepEqual([...state.revoked], [7n]);
  applyFrame(state, snapshot("market.7", 20n, 8n));
  assert.equal(state.revoked.size, 0);
  applyFrame(state, [ended("r1", "market.7")]);
  assert.equal(state.revoked.size, 0); // this page asked for it
});

test("when sudo ends by itself, what only sudo showed disappears", () => {
  const state = inSudo();
  applyFrame(state, [begin("market.5"), end("market.5", 13n), begin("account.8"), end("account.8", 13n)]);
  applyFrame(state, [ended("", "account.8", "market.5", "market.7.unmasked"), ...snapshot("market.7", 14n, 0n)]);
  applyFrame(state, [serverMessage({ case: "actingAs", value: { accountId: 3n } }), sudoSet(false, "")]);
  assert.deepEqual([[...state.slices.keys()], [...state.revoked], state.actingAs], [["market.7"], [5n], 3n]);
});

test("a refused switch keeps the book", () => {
  const state = withBook();
  state.switching = true;
  endSwitch(state);
  assert.equal(levels(state).length, 4);
  applyFrame(state, [ended("", "market.7")]);
  assert.equal(bookSlice(state, 7n), undefined);
});

test("state from sudo is not resumed, and what does not come again is dropped once ready", () => {
  const state = inSudo();
  applyFrame(state, [upToDate]);
  assert.equal(resume(state), null);
  applyFrame(state, [serverMessage({ case: "authenticated", value: { epoch: 4n, accountId: 3n } }, "authenticate")]);
  assert.deepEqual(owners(state), [5n]);
  applyFrame(state, [serverMessage({ case: "actingAs", value: { accountId: 3n } }, "authenticate")]);
  assert.equal(bookSlice(state, 7n), undefined);
});

test("the newest definition counts; without a stream that defines the market there is none", () => {
  const state = withBook();
  applyFrame(state, [begin("public"), rain("Drizzle"), end("public", 11n), begin("account.5"), end("account.5", 11n)]);
  assert.equal(definitions(state).get(7n)?.name, "Drizzle");
  applyFrame(state, [position("market.7", 10n, 12n), updated("Storm")]);
  assert.equal(definitions(state).get(7n)?.name, "Storm");
  const withdrawn = serverMessage({ case: "marketWithdrawn", value: { marketId: 7n } });
  applyFrame(state, [position("account.5", 11n, 13n), updated("Secret"), position("public", 11n, 13n), withdrawn]);
  applyFrame(state, [ended("", "market.7")]);
  assert.equal(definitions(state).get(7n)?.name, "Secret");
  applyFrame(state, [position("account.5", 13n, 14n), withdrawn]);
  assert.equal(definitions(state).get(7n), undefined);
});

test("a summary is applied even after UpToDate has passed its seq", () => {
  const state = withBook();
  const line = (best: bigint): ServerMessage =>
    serverMessage({ case: "marketSummary", value: { marketId: 7n, bid: best } });
  applyFrame(state, [begin("market.7.summary"), line(4_000n), end("market.7.summary", 10n), upToDate]);
  applyFrame(state, [position("market.7.summary", 10n, 90n), line(4_200n)]);
  assert.equal(slice(state, "market.7.summary").summary?.bid, 4_200n);
  assert.equal(levels(state).length, 4);
});
