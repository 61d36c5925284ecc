import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Fill, FillSchema, OrderSchema, PaidOutSchema, Side, TransferSchema } from "../src/gen/proto/exchange_pb";
import * as words from "../src/ui/words";

const fill = (price: bigint, size: bigint, side = Side.BID): Fill => create(FillSchema, { price, size, side });

test("grouped fills make one sentence", () => {
  assert.equal(words.filled([fill(4_800n, 600n)], "Rain"), "Bought 6 @ 48.00 in Rain.");
  const two = [fill(4_900n, 400n, Side.OFFER), fill(4_800n, 100n, Side.OFFER), fill(4_800n, 500n, Side.OFFER)];
  assert.equal(words.filled(two, "Rain"), "Sold 10 in Rain: 6 @ 48.00, 4 @ 49.00.");
  const many = [1n, 2n, 3n, 4n].map((price) => fill(price * 100n, 50n));
  assert.equal(words.filled(many, "Rain"), "Bought 2 in Rain from 1.00 to 4.00.");
});

test("a placed order is reported with what was filled", () => {
  const order = create(OrderSchema, { side: Side.BID, price: 4_850n, size: 1_000n });
  assert.equal(words.placed({ ...order, filled: 300n, open: 700n }), "Bid 10 @ 48.50: 3 filled, 7 open.");
  assert.equal(words.placed({ ...order, side: Side.OFFER, open: 1_000n }), "Offered 10 @ 48.50: 10 open.");
  assert.equal(words.placed(order), "Bid 10 @ 48.50: nothing filled.");
});

test("cancels are counted", () => {
  assert.deepEqual([0, 1, 2].map(words.cancelled), [
    "There were no orders to cancel.",
    "1 order cancelled.",
    "2 orders cancelled.",
  ]);
});

test("a settlement pays or charges", () => {
  const paid = create(PaidOutSchema, { price: 7_000n, position: -500n, amount: -3_500_000n });
  assert.equal(words.paidOut(paid, "Rain", "chips"), "Rain settled at 70.00: paid 350 chips for a position of -5.");
  assert.equal(
    words.paidOut({ ...paid, position: 500n, amount: 3_500_000n }, "Rain", "chips"),
    "Rain settled at 70.00: received 350 chips for a position of 5.",
  );
});

test("a transfer is worded from the reader's side", () => {
  const transfer = create(TransferSchema, { fromAccountId: 1n, toAccountId: 2n, amount: 125_000n, note: "lunch" });
  const name = (id: bigint): string => (id === 1n ? "Alice" : "Bob");
  assert.equal(words.transferred(transfer, 1n, name, "chips"), "Sent 12.5 chips to Bob: lunch");
  assert.equal(words.transferred({ ...transfer, note: "" }, 2n, name, "chips"), "Received 12.5 chips from Alice.");
});
