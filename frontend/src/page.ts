// The data that the server embeds in a page for its script: page_context() of accounts/acting.py. Integers are text.

import type { Listing } from "./listing";
import type { Bounds, Exposure } from "./risk";

export interface MarketData extends Bounds {
  id: bigint;
  status: number;
  tickSize: bigint;
  smallestSize: bigint;
  depth: number; // levels per side in the ladder
  unlisted: string; // why the acting account may not trade here while the market is restricted; "": it may
}

export interface Page {
  name: "" | "markets" | "market" | "portfolio" | "transfers"; // "": only the top bar moves
  account: bigint; // the acting account
  accountName: string;
  available: bigint;
  chip: string;
  markets: bigint[]; // subscribe to their books
  summaries: boolean; // subscribe to the summary of every visible market
  sudo: boolean; // the browser is in sudo, so turn it on for the socket too
  market: MarketData | null;
  listing: Listing; // of the list of markets
  exposure: Exposure | null; // in that market, until the account stream arrives
  words: Words;
}

/** Texts for enum values, by their number on the wire. */
export interface Words {
  status: Record<string, string>;
  closedTicket: Record<string, string>;
  transferKind: Record<string, string>;
}

type Texts = Record<string, string>;

interface Raw
  extends Omit<
    Page,
    "account" | "available" | "markets" | "summaries" | "sudo" | "market" | "exposure" | "listing" | "words"
  > {
  account: string;
  available: string;
  markets: string[];
  summaries?: boolean;
  sudo?: boolean;
  market?: Texts;
  exposure?: Texts;
  listing?: Texts;
  words: Partial<Words>;
}

/** null on pages without an account, such as the sign-in page. */
export function readPage(): Page | null {
  const text = document.getElementById("page")?.textContent;
  if (!text) return null;
  const raw: Raw = JSON.parse(text);
  return {
    ...raw,
    account: BigInt(raw.account),
    available: BigInt(raw.available),
    markets: raw.markets.map(BigInt),
    summaries: raw.summaries ?? false,
    sudo: raw.sudo ?? false,
    market: raw.market ? readMarket(raw.market) : null,
    exposure: raw.exposure ? readExposure(raw.exposure) : null,
    listing: { find: raw.listing?.find ?? "", page: Number(raw.listing?.page ?? 1) },
    words: { status: {}, closedTicket: {}, transferKind: {}, ...raw.words },
  };
}

function readMarket(raw: Texts): MarketData {
  return {
    id: int(raw, "id"),
    status: Number(int(raw, "status")),
    minSettlement: int(raw, "minSettlement"),
    maxSettlement: int(raw, "maxSettlement"),
    tickSize: int(raw, "tickSize"),
    smallestSize: int(raw, "smallestSize"),
    depth: Number(int(raw, "depth")),
    unlisted: raw.unlisted ?? "",
  };
}

function readExposure(raw: Texts): Exposure {
  return {
    position: int(raw, "position"),
    cost: int(raw, "cost"),
    bidSize: int(raw, "bidSize"),
    bidValue: int(raw, "bidValue"),
    offerSize: int(raw, "offerSize"),
    offerValue: int(raw, "offerValue"),
  };
}

function int(raw: Texts, name: string): bigint {
  const text = raw[name];
  if (text === undefined) throw new Error(`the page data lack ${name}`);
  return BigInt(text);
}
