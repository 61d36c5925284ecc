// A market's page: figures, ladder, trades.

import { ladder, type Rung } from "../book";
import type { Desk } from "../desk";
import { Side, type Trade } from "../gen/proto/exchange_pb";
import * as money from "../money";
import type { MarketData } from "../page";
import type { SideName } from "../risk";
import type { Slice } from "../slice";
import { find, type Rows, setAttribute, setText, showEmpty, showRows, signatureOf, slot, template } from "./dom";
import { OrdersView, ownOrders } from "./orders";
import { showStatus } from "./status";
import { Ticket } from "./ticket";
import type { Toasts } from "./toasts";
import * as words from "./words";

export class MarketView {
  readonly ticket: Ticket;
  readonly orders: OrdersView;
  private readonly rungs: Record<SideName, Rows<Rung>>;
  private readonly trades: Rows<Trade>;
  private readonly ownTradeKeys: Set<string | undefined>; // own trades that the server marked
  private status: number;

  constructor(
    private readonly root: HTMLElement,
    private readonly desk: Desk,
    private readonly market: MarketData,
    private readonly toasts: Toasts,
    changed: () => void,
  ) {
    this.status = market.status;
    this.ticket = new Ticket(root, desk, market, toasts, changed);
    this.orders = new OrdersView(root, desk, toasts, market.id);
    this.rungs = { bid: this.rungRows("bid"), offer: this.rungRows("offer") };
    this.trades = {
      body: find(root, '[data-rows="trade"]'),
      template: template(root, "trade"),
      key: (trade) => String(trade.id),
      signature: (trade) => String(this.isOwn(trade)),
      fill: (row, trade) => this.fillTrade(row, trade),
    };
    const own = this.trades.body.querySelectorAll<HTMLElement>(".mine");
    this.ownTradeKeys = new Set([...own].map((row) => row.dataset.key));
    find(root, '[data-testid="book"]').addEventListener("click", (event) => this.click(event));
  }

  render(): void {
    this.ticket.render();
    this.orders.render();
    const slice = this.desk.market(this.market.id);
    if (!slice) return;
    this.renderBook(slice);
    this.renderHead(slice);
    showRows(this.trades, slice.trades);
    showEmpty(this.root, "trade", slice.trades.length === 0);
  }

  private renderBook(slice: Slice): void {
    const rungs = ladder(slice.book, ownOrders(this.desk, this.market.id), this.market.depth);
    const [bid, offer] = [rungs.bid[0]?.price ?? null, rungs.offer[0]?.price ?? null];
    showRows(this.rungs.offer, rungs.offer.reverse());
    showRows(this.rungs.bid, rungs.bid);
    setText(slot(this.root, "spread"), words.orDash(money.price, bid !== null && offer !== null ? offer - bid : null));
    setText(slot(this.root, "mid"), words.orDash(money.price, money.mark(bid, offer, null)));
  }

  private renderHead(slice: Slice): void {
    const market = slice.markets.get(this.market.id);
    if (!market) return;
    setText(slot(this.root, "last"), words.orDash(money.price, market.lastPrice));
    setText(slot(this.root, "settle-price"), words.orDash(money.price, market.settlePrice));
    slot(this.root, "settled").hidden = market.settlePrice === undefined;
    showStatus(this.root, market.status, this.desk.page.words);
    this.ticket.showWhyClosed(market);
    if (market.status !== this.status) {
      this.status = market.status;
      this.toasts.show("info", `${market.name} is now ${this.desk.page.words.status[String(market.status)]}.`);
    }
    const { account } = this.desk;
    if (!account) return;
    const { position, cost, realised } = account.exposures.get(this.market.id) ?? {
      position: 0n,
      cost: 0n,
      realised: 0n,
    };
    const mark = money.mark(slice.book.best("bid"), slice.book.best("offer"), market.lastPrice ?? null);
    setText(slot(this.root, "position"), money.signedSize(position));
    setText(slot(this.root, "entry"), words.orDash(money.cash, money.averageEntry(cost, position)));
    setText(slot(this.root, "realised"), money.signedCash(realised));
    const unrealised = mark === null || position === 0n ? null : position * mark - cost;
    setText(slot(this.root, "unrealised"), words.orDash(money.signedCash, unrealised));
  }

  private rungRows(side: SideName): Rows<Rung> {
    return {
      body: find(this.root, `[data-rows="${side}"]`),
      template: template(this.root, `rung-${side}`),
      key: (rung) => String(rung.price),
      signature: (rung) => signatureOf(rung.size, rung.total, rung.mine, rung.share, this.wouldHit(side, rung)),
      fill: (row, rung) => this.fillRung(row, rung, side),
    };
  }

  /** Whether the order in the ticket would trade against this level. */
  private wouldHit(side: SideName, { price, size, total }: Rung): boolean {
    const { limit, volume } = this.ticket;
    if (limit === null || volume === null || this.ticket.side === side) return false;
    return total - size < volume && (side === "offer" ? price <= limit : price >= limit);
  }

  private fillRung(row: HTMLElement, rung: Rung, side: SideName): void {
    const price = slot(row, "price");
    setText(price, money.price(rung.price));
    const takes = side === "bid" ? "offer" : "bid";
    setAttribute(price, "href", `?side=${takes}&price=${encodeURIComponent(money.price(rung.price))}#ticket`);
    setText(slot(row, "size"), money.size(rung.size));
    setText(slot(row, "total"), money.size(rung.total));
    setText(slot(row, "mine"), rung.mine > 0n ? money.size(rung.mine) : "");
    setAttribute(slot(row, "bar"), "width", `${rung.share}%`);
    row.classList.toggle("mine", rung.mine > 0n);
    row.classList.toggle("hit", this.wouldHit(side, rung));
  }

  /** The server marks own trades from before the connection. */
  private isOwn(trade: Trade): boolean {
    return this.ownTradeKeys.has(String(trade.id)) || this.desk.isOwn(trade);
  }

  private fillTrade(row: HTMLElement, trade: Trade): void {
    const bid = trade.takerSide === Side.BID;
    setText(slot(row, "time"), money.clock(trade.atUs));
    setText(slot(row, "price"), money.price(trade.price));
    setText(slot(row, "size"), money.size(trade.size));
    const taker = slot(row, "taker");
    setText(taker, bid ? "▲ bid" : "▼ offer");
    taker.className = bid ? "text-bid" : "text-offer";
    row.classList.toggle("mine", this.isOwn(trade));
  }

  /** Puts the clicked level into the ticket, as the order that would trade against it. */
  private click(event: Event): void {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("tr[data-side]") : null;
    if (!row) return;
    event.preventDefault();
    this.ticket.take(row.dataset.side === "bid" ? "offer" : "bid", BigInt(row.dataset.key ?? "0"));
  }
}
