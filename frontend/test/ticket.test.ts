import assert from "node:assert/strict";
import { test } from "node:test";
import { type Exposure, NO_EXPOSURE, type SideName } from "../src/risk";
import { estimate, readTicket, stepPrice, type Terms } from "../src/ticket";

const market: Terms = { minSettlement: 0n, maxSettlement: 10_000n, tickSize: 50n, smallestSize: 100n };
const CHIP = 10_000n;

function line(
  side: SideName,
  price: string,
  size: string,
  available: bigint,
  exposure: Exposure = NO_EXPOSURE,
): string {
  const { text, short } = estimate(readTicket(market, price, size), side, market, exposure, available * CHIP, "chips");
  return (short ? "short: " : "") + text;
}

test("shows what an order uses and the worst case", () => {
  assert.equal(
    line("bid", "40", "10", 1_000n),
    "Uses 400 of your 1,000 available chips. The most you can lose here: 400.",
  );
  assert.equal(
    line("offer", "40", "10", 1_000n),
    "Uses 600 of your 1,000 available chips. The most you can lose here: 600.",
  );
});

test("an offer against a position uses nothing, and what the position has cost can be lost", () => {
  const long: Exposure = { ...NO_EXPOSURE, position: 1_000n, cost: 480n * CHIP };
  assert.equal(
    line("offer", "55", "10", 600n, long),
    "Uses nothing of your 600 available chips. The most you can lose here: 480.",
  );
});

test("buying back a short frees what it held", () => {
  const short: Exposure = { ...NO_EXPOSURE, position: -500n, cost: -150n * CHIP };
  const text = line("bid", "30", "5", 650n, short);
  assert.equal(text, "Uses nothing of your 650 available chips. The most you can lose here: 350.");
});

test("a position of 14 bought for 672 and a bid of 6 at 48 can lose 960", () => {
  const long: Exposure = { ...NO_EXPOSURE, position: 1_400n, cost: 672n * CHIP };
  const text = line("bid", "48", "6", 1_000n, long);
  assert.equal(text, "Uses 288 of your 1,000 available chips. The most you can lose here: 960.");
});

test("nothing can be lost on what was bought at the lower bound", () => {
  const long: Exposure = { ...NO_EXPOSURE, position: 1_000n };
  assert.equal(
    line("offer", "55", "10", 600n, long),
    "Uses nothing of your 600 available chips. You cannot lose here.",
  );
});

test("shows what is missing", () => {
  assert.equal(line("bid", "40", "10", 250n), "short: Needs up to 400 chips. You have 250 available.");
});

test("shows what is available while nothing is typed", () => {
  assert.equal(line("bid", "", "10", 250n), "You have 250 chips available.");
  assert.equal(line("bid", "40", " ", 250n), "You have 250 chips available.");
});

test("shows why the market does not take an order", () => {
  assert.equal(line("bid", "x", "1", 0n), "short: Price: Enter a number, like 1000.5.");
  assert.equal(line("bid", "40", "1,500", 0n), "short: Size: Write 1500 or 1.5: “1,500” can mean both.");
  assert.equal(line("bid", "100.50", "1", 0n), "short: Prices in this market are from 0.00 to 100.00.");
  assert.equal(line("bid", "-1", "1", 0n), "short: Prices in this market are from 0.00 to 100.00.");
  assert.equal(line("bid", "40.25", "1", 0n), "short: Prices in this market are multiples of 0.50.");
  assert.equal(line("bid", "40.50", "0.5", 0n), "short: Sizes in this market are multiples of 1.");
  assert.equal(line("bid", "40.50", "-1", 0n), "short: Sizes in this market are multiples of 1.");
});

test("the price steps on the tick, within the bounds", () => {
  const step = (price: bigint, up: boolean, terms: Terms = market): bigint => stepPrice(terms, price, up);
  assert.deepEqual([step(4_000n, true), step(4_000n, false)], [4_050n, 3_950n]);
  assert.deepEqual([step(4_025n, true), step(4_025n, false)], [4_050n, 4_000n], "off the tick: the next multiple");
  assert.deepEqual([step(10_000n, true), step(0n, false)], [10_000n, 0n]);
  assert.deepEqual([step(99_999n, false), step(-99_999n, true)], [10_000n, 0n]);
  const negative: Terms = { ...market, minSettlement: -10_000n, maxSettlement: 0n };
  assert.deepEqual([step(-25n, true, negative), step(-25n, false, negative)], [0n, -50n]);
});
