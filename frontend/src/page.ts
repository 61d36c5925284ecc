// What the server tells the script of a page: views.shared() wrote it. Ints come as text.
import type { Bounds, Stake } from "./risk";

export interface MarketData extends Bounds {
  id: bigint;
  status: number;
  tickSize: bigint;
  smallestSize: bigint;
  depth: number; // levels of a side that the ladder shows
}

export interface Page {
  name: "markets" | "market" | "portfolio" | "transfers";
  account: bigint; // acted as
  accountName: string;
  available: bigint;
  chip: string;
  markets: bigint[]; // whose books to follow
  summaries: boolean; // a line of every market that one may see
  sudo: boolean; // the browser is in sudo, and its sockets are to be
  market: MarketData | null;
  stake: Stake | null; // in that market, until the stream says more
  words: Words;
}

/** The server's words for numbers on the wire. */
export interface Words {
  status: Record<string, string>;
  closedTicket: Record<string, string>;
  transferKind: Record<string, string>;
}

type Texts = Record<string, string>;

interface Raw extends Omit<Page, "account" | "available" | "markets" | "summaries" | "sudo" | "market" | "stake"> {
  account: string;
  available: string;
  markets: string[];
  summaries?: boolean;
  sudo?: boolean;
  market?: Texts;
  stake?: Texts;
}

/** null on pages without an account, like the sign-in. */
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
    stake: raw.stake ? readStake(raw.stake) : null,
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
  };
}

function readStake(raw: Texts): Stake {
  return {
    position: int(raw, "position"),
    bidSize: int(raw, "bidSize"),
    bidValue: int(raw, "bidValue"),
    offerSize: int(raw, "offerSize"),
    offerValue: int(raw, "offerValue"),
  };
}

function int(raw: Texts, name: string): bigint {
  const text = raw[name];
  if (text === undefined) throw new Error(`the page does not say ${name}`);
  return BigInt(text);
}
