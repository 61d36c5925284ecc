import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bounds, type Exposure, NO_EXPOSURE, withOrder, worstCase } from "../src/risk";

// The examples of the rules, section 6: chips as 1/10,000, prices and sizes as 1/100.
const CHIP = 10_000n;
const wide: Bounds = { minSettlement: 0n, maxSettlement: 10_000n };
const narrow: Bounds = { minSettlement: 1_000n, maxSettlement: 2_000n };

test("a bid of 10 at 40 uses 400, and an offer against the position nothing more", () => {
  const bid = withOrder(NO_EXPOSURE, "bid", 4_000n, 1_000n);
  assert.equal(worstCase(wide, bid), -400n * CHIP);
  const long: Exposure = { ...NO_EXPOSURE, position: 1_000n };
  assert.equal(600n * CHIP + worstCase(wide, withOrder(long, "offer", 5_500n, 1_000n)), 600n * CHIP);
});

test("between 10 and 20, a bid and an offer together take the worse of both", () => {
  const bid = withOrder(NO_EXPOSURE, "bid", 1_500n, 100n);
  const offer = withOrder(NO_EXPOSURE, "offer", 1_500n, 100n);
  assert.equal(worstCase(narrow, bid), -5n * CHIP);
  assert.equal(worstCase(narrow, offer), -5n * CHIP);
  assert.equal(
    worstCase(narrow, withOrder(withOrder(NO_EXPOSURE, "bid", 1_200n, 100n), "offer", 1_600n, 100n)),
    -4n * CHIP,
  );
});

test("a short of 5 between 0 and 100 could cost 500", () => {
  assert.equal(worstCase(wide, { ...NO_EXPOSURE, position: -500n }), -500n * CHIP);
});
