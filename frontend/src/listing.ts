// Which markets the list shows, in which order and under which headings: the same as market_rows() and grouped() in
// markets/reads/selectors.py.

import type { Market } from "./gen/proto/exchange_pb";

export const MARKETS_SHOWN = 200; // a page of the list

/** What the list is asked for: text in names and categories, and a page, from 1. */
export interface Listing {
  find: string;
  page: number;
}

export interface Group {
  key: string;
  name: string;
  markets: Market[];
}

/** The markets of a page, and whether there are more. */
export function listed(markets: Iterable<Market>, { find, page }: Listing): { shown: Market[]; more: boolean } {
  const wanted = folded(find.trim());
  const found = [...markets].filter(
    (one) => folded(one.name).includes(wanted) || folded(one.category).includes(wanted),
  );
  const end = page * MARKETS_SHOWN;
  return { shown: found.sort(inOrder).slice(end - MARKETS_SHOWN, end), more: found.length > end };
}

const folded = (text: string): string => text.normalize("NFKC").toLowerCase();

/** Pinned markets, then categories by name, then markets without one. Within a group running markets come first. */
export function grouped(shown: readonly Market[]): Group[] {
  const groups = new Map<string, Group>();
  for (const market of shown.toSorted(byHeading)) {
    const key = `${rank(market)} ${heading(market)}`;
    const name = ["Pinned", market.category, "Markets"][rank(market)] ?? "";
    const group = groups.get(key) ?? { key, name, markets: [] };
    group.markets.push(market);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function rank({ pinned, category }: Market): number {
  if (pinned) return 0;
  return category ? 1 : 2;
}

const heading = (market: Market): string => (rank(market) === 1 ? market.category : "");

function inOrder(a: Market, b: Market): number {
  return Number(b.pinned) - Number(a.pinned) || a.status - b.status || compare(b.id, a.id);
}

function byHeading(a: Market, b: Market): number {
  const [one, other] = [heading(a), heading(b)];
  return rank(a) - rank(b) || compare(one.toLowerCase(), other.toLowerCase()) || compare(one, other);
}

function compare<T extends bigint | string>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
