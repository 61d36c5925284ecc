import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Market, MarketSchema, MarketStatus } from "../src/gen/proto/exchange_pb";
import { grouped, listed, MARKETS_SHOWN } from "../src/listing";

function market(id: bigint, category = "", pinned = false, status = MarketStatus.OPEN, name = ""): Market {
  return create(MarketSchema, { id, category, pinned, status, name });
}

const first = { find: "", page: 1 };

const drawn = (...markets: Market[]): [string, bigint[]][] =>
  grouped(listed(markets, first).shown).map((group) => [group.name, group.markets.map(({ id }) => id)]);

// tests/pages/test_markets.py asserts the same of the server's list.
test("pinned markets come first, then categories by name without regard to case, then markets without one", () => {
  const [rain, snow, hail] = [market(7n), market(8n, "weather"), market(11n, "weather")];
  assert.deepEqual(drawn(rain, snow, market(9n, "School", true), market(10n, "School"), hail), [
    ["Pinned", [9n]],
    ["School", [10n]],
    ["weather", [11n, 8n]],
    ["Markets", [7n]],
  ]);
});

test("running markets come before settled ones, newest first", () => {
  const over = market(8n, "", false, MarketStatus.SETTLED);
  const paused = market(9n, "", false, MarketStatus.PAUSED);
  assert.deepEqual(drawn(market(7n), over, paused, market(10n)), [["Markets", [10n, 7n, 9n, 8n]]]);
});

test("a category may have the name of a heading", () => {
  const groups = grouped([market(1n, "Pinned"), market(2n, "Markets"), market(3n), market(4n, "", true)]);
  assert.deepEqual(
    groups.map(({ key }) => key),
    ["0 ", "1 Markets", "1 Pinned", "2 "],
  );
});

test("of too many markets a page shows those that the server shows", () => {
  const many = Array.from({ length: MARKETS_SHOWN }, (_, index) => market(BigInt(index + 2)));
  const page = listed([market(1n), ...many], first);
  assert.deepEqual([page.shown.length, page.shown.at(-1)?.id, page.more], [MARKETS_SHOWN, 2n, true]);
  const next = listed([market(1n), ...many], { find: "", page: 2 });
  assert.deepEqual([next.shown.map(({ id }) => id), next.more], [[1n], false]);
});

// tests/pages/test_markets.py asserts the same of the server's list.
test("finds names and categories without regard to case, on any page", () => {
  const found = (typed: string): bigint[] =>
    listed(
      [
        market(1n, "", false, MarketStatus.OPEN, "Ärger im Büro"),
        market(2n, "Büro", false, MarketStatus.OPEN, "Kaffee"),
        market(3n, "", false, MarketStatus.OPEN, "Снег"),
      ],
      { find: typed, page: 1 },
    ).shown.map(({ id }) => id);
  assert.deepEqual([found("büro"), found(" BÜRO "), found("снег"), found("x")], [[2n, 1n], [2n, 1n], [3n], []]);
});
