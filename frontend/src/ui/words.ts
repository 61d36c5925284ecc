// Sentences for people. placed() and cancelled() are the same as in markets/pages/markets.py, DASH as in
// accounts/templatetags/money.py.

import { sideName } from "../book";
import type { Fill, Order, PaidOut, Transfer } from "../gen/proto/exchange_pb";
import { Side } from "../gen/proto/exchange_pb";
import * as money from "../money";

export const DASH = "–";

/** The amount as text, or a dash where there is none. */
export const orDash = (write: (units: bigint) => string, units: bigint | null | undefined): string =>
  units === null || units === undefined ? DASH : write(units);

export function placed(order: Order): string {
  const verb = order.side === Side.BID ? "Bid" : "Offered";
  const done: string[] = [];
  if (order.filled > 0n) done.push(`${money.size(order.filled)} filled`);
  if (order.open > 0n) done.push(`${money.size(order.open)} open`);
  return `${verb} ${money.size(order.size)} @ ${money.price(order.price)}: ${done.join(", ") || "nothing filled"}.`;
}

export const cancelled = (count: number): string =>
  count === 0 ? "There were no orders to cancel." : `${count} order${count > 1 ? "s" : ""} cancelled.`;

const PRICES_LISTED = 3; // more are shown as a range

/** Fills of one account, market and side: "Bought 10 in Rain: 6 @ 48.00, 4 @ 49.00." */
export function filled(fills: readonly Fill[], market: string): string {
  const sizes = new Map<bigint, bigint>();
  let total = 0n;
  for (const fill of fills) {
    total += fill.size;
    sizes.set(fill.price, (sizes.get(fill.price) ?? 0n) + fill.size);
  }
  const verb = fills[0]?.side === Side.BID ? "Bought" : "Sold";
  const prices = [...sizes.keys()].sort((a, b) => (a < b ? -1 : 1));
  const [first, last] = [prices[0] ?? 0n, prices.at(-1) ?? 0n];
  if (prices.length === 1) return `${verb} ${money.size(total)} @ ${money.price(first)} in ${market}.`;
  if (prices.length > PRICES_LISTED) {
    return `${verb} ${money.size(total)} in ${market} from ${money.price(first)} to ${money.price(last)}.`;
  }
  const parts = prices.map((price) => `${money.size(sizes.get(price) ?? 0n)} @ ${money.price(price)}`);
  return `${verb} ${money.size(total)} in ${market}: ${parts.join(", ")}.`;
}

export function paidOut(paid: PaidOut, market: string, chip: string): string {
  const verb = paid.amount < 0n ? "paid" : "received";
  const amount = money.chips(paid.amount < 0n ? -paid.amount : paid.amount);
  return `${market} settled at ${money.price(paid.price)}: ${verb} ${amount} ${chip} for a position of ${money.size(paid.position)}.`;
}

export function transferred(transfer: Transfer, account: bigint, nameOf: (id: bigint) => string, chip: string): string {
  const amount = `${money.chips(transfer.amount)} ${chip}`;
  const text =
    transfer.fromAccountId === account
      ? `Sent ${amount} to ${nameOf(transfer.toAccountId)}`
      : `Received ${amount} from ${nameOf(transfer.fromAccountId)}`;
  return transfer.note ? `${text}: ${transfer.note}` : `${text}.`;
}

export const cancelLabel = (order: Order): string =>
  `Cancel ${sideName(order.side)} ${money.size(order.open)} at ${money.price(order.price)}`;
