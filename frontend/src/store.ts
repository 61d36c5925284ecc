// What the page knows, built from snapshots and streams alone. No page, socket or clock in here: applyFrame(state,
// messages) changes the state it is given and says what happened. The rules are those of proto/exchange.proto.
import { Book } from "./book";
import type {
  Account,
  Exposure,
  Fill,
  Market,
  Order,
  PaidOut,
  ServerMessage,
  Trade,
  Transfer,
} from "./gen/proto/exchange_pb";

export const TRADES_KEPT = 50;
export const TRANSFERS_KEPT = 100;

/** Everything of one stream; what a snapshot replaces. Each kind uses its own fields. */
export class Slice {
  // market.<id>, and the definitions of `public`
  readonly markets = new Map<bigint, Market>();
  readonly book = new Book();
  trades: Trade[] = []; // newest first
  // account.<id>
  readonly exposures = new Map<bigint, Exposure>();
  readonly orders = new Map<bigint, Order>();
  transfers: Transfer[] = []; // newest first
  cash = 0n;
  available = 0n;
  // public, and an account's own
  readonly accounts = new Map<bigint, Account>();

  constructor(readonly stream: string) {}
}

/** What somebody may want to be told. */
export type Happening =
  | { kind: "fills"; accountId: bigint; fills: Fill[] }
  | { kind: "transfer"; stream: string; transfer: Transfer }
  | { kind: "paid out"; paidOut: PaidOut }
  | { kind: "market"; market: Market }
  | { kind: "gap"; stream: string }
  | { kind: "whole"; stream: string } // by its snapshot, or by a replay of what was missed
  | { kind: "ready" }
  | { kind: "put back" }; // on the own account: the one acted as is no longer ours

export interface State {
  readonly slices: Map<string, Slice>;
  readonly standing: Map<string, bigint>; // stream -> the seq up to which it was heard
  readonly gaps: Set<string>; // streams that missed something and wait for their snapshot
  epoch: bigint;
  upTo: bigint; // everything was heard up to here, on all streams
  actingAs: bigint;
  draft: Slice | null; // a snapshot that has begun and not ended
  section: Slice | null; // whose messages follow in this frame
}

export function newState(): State {
  return {
    slices: new Map(),
    standing: new Map(),
    gaps: new Set(),
    epoch: 0n,
    upTo: 0n,
    actingAs: 0n,
    draft: null,
    section: null,
  };
}

export const marketStream = (id: bigint): string => `market.${id}`;
export const accountStream = (id: bigint): string => `account.${id}`;

/** A frame's messages in their order; a section ends with its frame at the latest. */
export function applyFrame(state: State, messages: readonly ServerMessage[]): Happening[] {
  const happened = messages.flatMap((message) => applyMessage(state, message));
  state.section = null;
  return happened;
}

export function applyMessage(state: State, message: ServerMessage): Happening[] {
  const control = applyControl(state, message);
  if (control) return control;
  // A reply resolves its request and changes no state; it also ends a section.
  if (message.requestId !== "") {
    state.section = null;
    return [];
  }
  if (state.section) return applyToSlice(state.section, message);
  if (state.draft) applyToSlice(state.draft, message);
  return [];
}

/** Messages about the connection and the streams themselves; null for all others. */
function applyControl(state: State, { requestId, message }: ServerMessage): Happening[] | null {
  switch (message.case) {
    case "authenticated":
      state.epoch = message.value.epoch;
      state.section = state.draft = null; // of a socket that is no more
      if (message.value.anew) for (const stream of [...state.slices.keys()]) forget(state, stream);
      return [];
    case "unsubscribed":
      for (const stream of message.value.streams) forget(state, stream);
      state.section = null;
      return [];
    case "actingAs":
      state.actingAs = message.value.accountId;
      state.section = null;
      return [{ kind: requestId === "" ? "put back" : "ready" }];
    case "streamPosition":
      return position(state, message.value.stream, message.value.prevSeq, message.value.seq);
    case "snapshotBegin":
      state.section = null;
      state.draft = new Slice(message.value.stream);
      return [];
    case "snapshotEnd":
      return snapshotEnd(state, message.value.stream, message.value.seq);
    case "upToDate":
      upToDate(state, message.value.seq, message.value.epoch);
      return [];
    default:
      return null;
  }
}

function forget(state: State, stream: string): void {
  state.slices.delete(stream);
  state.standing.delete(stream);
  state.gaps.delete(stream);
}

function position(state: State, stream: string, prevSeq: bigint, seq: bigint): Happening[] {
  state.section = null;
  const at = state.standing.get(stream);
  if (at === undefined || seq <= at) return [];
  if (prevSeq > at) {
    if (state.gaps.has(stream)) return [];
    state.gaps.add(stream);
    return [{ kind: "gap", stream }];
  }
  state.standing.set(stream, seq);
  state.section = state.slices.get(stream) ?? null;
  return state.gaps.delete(stream) ? [{ kind: "whole", stream }] : [];
}

function snapshotEnd(state: State, stream: string, seq: bigint): Happening[] {
  state.section = null;
  if (state.draft?.stream !== stream) return [];
  state.slices.set(stream, state.draft);
  state.standing.set(stream, seq);
  state.gaps.delete(stream);
  state.draft = null;
  return [{ kind: "whole", stream }];
}

function upToDate(state: State, seq: bigint, epoch: bigint): void {
  state.section = null;
  state.epoch = epoch;
  if (seq > state.upTo) state.upTo = seq;
  for (const [stream, at] of state.standing) {
    if (at < seq && !state.gaps.has(stream)) state.standing.set(stream, seq);
  }
}

function applyToSlice(slice: Slice, { message }: ServerMessage): Happening[] {
  switch (message.case) {
    case "markets":
      for (const market of message.value.markets) slice.markets.set(market.id, market);
      return [];
    case "marketCreated":
    case "marketUpdated":
    case "marketSettled":
      return applyMarket(slice, message.value.market);
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

function applyToAccount(slice: Slice, message: ServerMessage["message"]): Happening[] {
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

function applyMarket(slice: Slice, market: Market | undefined): Happening[] {
  if (!market) return [];
  slice.markets.set(market.id, market);
  return isMarket(slice) ? [{ kind: "market", market }] : []; // `public` says the same
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
  if (isMarket(slice)) slice.book.put(order);
  else if (order.open > 0n) slice.orders.set(order.id, order);
}

function setOpen(slice: Slice, id: bigint, open: bigint): void {
  if (isMarket(slice)) {
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

function applyTransfer(slice: Slice, transfer: Transfer | undefined): Happening[] {
  if (!transfer) return [];
  putTransfer(slice, transfer);
  return [{ kind: "transfer", stream: slice.stream, transfer }];
}

function putTransfer(slice: Slice, transfer: Transfer): void {
  slice.transfers = [transfer, ...slice.transfers].slice(0, TRANSFERS_KEPT);
}

const isMarket = (slice: Slice): boolean => slice.stream.startsWith("market.");

/** What Authenticate says to resume; null if something is missing, so that all must come anew. */
export function resumeFrom(state: State): { epoch: bigint; fromSeq: bigint } | null {
  return state.upTo > 0n && state.gaps.size === 0 ? { epoch: state.epoch, fromSeq: state.upTo } : null;
}
