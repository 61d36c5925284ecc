// The state that one stream carries, and how its messages change it. proto/exchange.proto states the rules.

import { Book } from "./book";
import type {
  Account,
  Exposure,
  Fill,
  Market,
  MarketSummary,
  Order,
  PaidOut,
  ServerMessage,
  Trade,
  Transfer,
} from "./gen/proto/exchange_pb";
import { isBook } from "./streams";

export const TRADES_KEPT = 50;
export const TRANSFERS_KEPT = 100;

/** The state of one stream, which a snapshot replaces. Each kind of stream uses its own fields. */
export class Slice {
  // Market definitions from this stream. Streams are not ordered among each other: store.definitions() picks the newest.
  readonly markets = new Map<bigint, Market>();
  readonly definedAt = new Map<bigint, bigint>(); // market -> seq of its definition
  // market.<id>
  readonly book = new Book();
  trades: Trade[] = []; // newest first
  // market.<id>.summary
  summary: MarketSummary | null = null;
  // account.<id>
  readonly exposures = new Map<bigint, Exposure>();
  readonly orders = new Map<bigint, Order>();
  transfers: Transfer[] = []; // newest first
  cash = 0n;
  available = 0n;
  // public and account.<id>
  readonly accounts = new Map<bigint, Account>();

  constructor(
    readonly stream: string,
    public seq = 0n, // of the last message
  ) {}
}

/** Something that happened, for toasts and for the connection. */
export type Notice =
  | { kind: "fills"; accountId: bigint; fills: Fill[] }
  | { kind: "transfer"; stream: string; transfer: Transfer }
  | { kind: "paid out"; paidOut: PaidOut }
  | { kind: "market"; market: Market }
  | { kind: "gap"; stream: string }
  | { kind: "synced"; stream: string } // by a snapshot, or by a replay of what was missed
  | { kind: "ready" }
  | { kind: "account lost" }; // the socket acts as the own account again: the other one was taken away

export function applyToSlice(slice: Slice, { message }: ServerMessage): Notice[] {
  switch (message.case) {
    case "markets":
      for (const market of message.value.markets) define(slice, market);
      return [];
    case "marketCreated":
    case "marketUpdated":
    case "marketSettled":
      return applyMarket(slice, message.value.market);
    case "marketWithdrawn":
      slice.markets.delete(message.value.marketId);
      return [];
    case "marketSummary":
      slice.summary = message.value;
      return [];
    case "bookCleared":
      slice.book.clear();
      return [];
    case "trades":
      applyTrades(slice, message.value.trades);
      return [];
    case "orders":
      for (const order of message.value.orders) putOrder(slice, order);
      return [];
    case "orderCreated":
      if (message.value.order) putOrder(slice, message.value.order);
      return [];
    case "ordersCancelled":
      for (const { orderId, open } of message.value.orders) setOpen(slice, orderId, open);
      return [];
    default:
      return applyToAccount(slice, message);
  }
}

function applyToAccount(slice: Slice, message: ServerMessage["message"]): Notice[] {
  switch (message.case) {
    case "accounts":
      for (const account of message.value.accounts) slice.accounts.set(account.id, account);
      return [];
    case "accountCreated":
      if (message.value.account) slice.accounts.set(message.value.account.id, message.value.account);
      return [];
    case "accountState":
      if (message.value.account) slice.accounts.set(message.value.account.id, message.value.account);
      applyPortfolio(slice, message.value);
      return [];
    case "portfolioUpdated":
      applyPortfolio(slice, message.value);
      return [];
    case "transfers":
      for (const transfer of message.value.transfers) putTransfer(slice, transfer);
      return [];
    case "transferCreated":
      return applyTransfer(slice, message.value.transfer);
    case "fills":
      for (const fill of message.value.fills) setOpen(slice, fill.orderId, fill.open);
      return [{ kind: "fills", accountId: message.value.accountId, fills: message.value.fills }];
    case "paidOut":
      return [{ kind: "paid out", paidOut: message.value }];
    default:
      return [];
  }
}

function applyMarket(slice: Slice, market: Market | undefined): Notice[] {
  if (!market) return [];
  define(slice, market);
  return isBook(slice.stream) ? [{ kind: "market", market }] : []; // not twice: the public stream has it too
}

function define(slice: Slice, market: Market): void {
  slice.markets.set(market.id, market);
  slice.definedAt.set(market.id, slice.seq);
}

function applyTrades(slice: Slice, trades: readonly Trade[]): void {
  for (const trade of trades) {
    slice.book.setOpen(trade.makerOrderId, trade.makerOpen);
    const market = slice.markets.get(trade.marketId);
    if (market) market.lastPrice = trade.price;
  }
  slice.trades = [...[...trades].reverse(), ...slice.trades].slice(0, TRADES_KEPT);
}

function putOrder(slice: Slice, order: Order): void {
  if (isBook(slice.stream)) slice.book.put(order);
  else if (order.open > 0n) slice.orders.set(order.id, order);
}

function setOpen(slice: Slice, id: bigint, open: bigint): void {
  if (isBook(slice.stream)) {
    slice.book.setOpen(id, open);
    return;
  }
  const order = slice.orders.get(id);
  if (!order) return;
  order.open = open;
  if (open <= 0n) slice.orders.delete(id);
}

function applyPortfolio(slice: Slice, update: { cash: bigint; available: bigint; exposures: Exposure[] }): void {
  slice.cash = update.cash;
  slice.available = update.available;
  for (const exposure of update.exposures) slice.exposures.set(exposure.marketId, exposure);
}

function applyTransfer(slice: Slice, transfer: Transfer | undefined): Notice[] {
  if (!transfer) return [];
  putTransfer(slice, transfer);
  return [{ kind: "transfer", stream: slice.stream, transfer }];
}

function putTransfer(slice: Slice, transfer: Transfer): void {
  slice.transfers = [transfer, ...slice.transfers].slice(0, TRANSFERS_KEPT);
}
