import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as money from "../src/money";

const cases = JSON.parse(readFileSync("test/money_cases.json", "utf8")) as Record<string, (string | number | null)[][]>;
const units = (text: string | number | null | undefined): bigint | null =>
  text === null || text === undefined ? null : BigInt(text);
const rows = (name: string): (string | number | null)[][] => {
  const found = cases[name];
  assert.ok(found && found.length > 0, name);
  return found;
};

const texts: Record<string, (units: bigint) => string> = {
  price: money.price,
  size: money.size,
  cash: money.cash,
  chips: money.chips,
  signed_cash: money.signedCash,
  signed_size: money.signedSize,
  clock: money.clock,
  moment: money.moment,
};

for (const [name, format] of Object.entries(texts)) {
  test(`${name} as the server writes it`, () => {
    for (const [given, expected] of rows(name)) assert.equal(format(BigInt(given ?? 0)), expected);
  });
}

test("typed amounts are read as the server reads them", () => {
  for (const [text, decimals, expected, why] of rows("parse")) {
    assert.equal(money.parse(String(text), Number(decimals)), units(expected) ?? why, String(text));
  }
});

test("average entry is rounded half up", () => {
  for (const [cost, position, expected] of rows("average_entry")) {
    assert.equal(money.averageEntry(BigInt(cost ?? 0), BigInt(position ?? 0)), units(expected));
  }
});

test("the mark is the mid, else the last trade", () => {
  for (const [bid, offer, last, expected] of rows("mark")) {
    assert.equal(money.mark(units(bid), units(offer), units(last)), units(expected));
  }
});
