// The portfolio: balances, holdings, open orders over all markets, transfers.

import type { Desk } from "../desk";
import type { Exposure } from "../gen/proto/exchange_pb";
import * as money from "../money";
import { find, type Rows, setAttribute, setText, showEmpty, showRows, signatureOf, slot, template } from "./dom";
import { OrdersView } from "./orders";
import type { Toasts } from "./toasts";
import { TransfersView } from "./transfers";
import * as words from "./words";

export class PortfolioView {
  private readonly orders: OrdersView;
  private readonly holdings: Rows<Exposure>;
  private readonly transfers: TransfersView;

  constructor(
    private readonly root: HTMLElement,
    private readonly desk: Desk,
    toasts: Toasts,
  ) {
    this.orders = new OrdersView(root, desk, toasts, null);
    this.holdings = {
      body: find(root, '[data-rows="holding"]'),
      template: template(root, "holding"),
      key: (exposure) => String(exposure.marketId),
      signature: (e) =>
        signatureOf(
          e.position,
          e.cost,
          e.realised,
          e.bidSize,
          e.offerSize,
          e.worst,
          this.mark(e),
          desk.marketName(e.marketId),
        ),
      fill: (row, exposure) => this.fillHolding(row, exposure),
    };
    this.transfers = new TransfersView(root, desk);
  }

  render(): void {
    this.orders.render();
    this.transfers.render();
    const { account } = this.desk;
    if (!account || !this.desk.markets) return;
    const exposures = [...account.exposures.values()];
    const held = exposures.filter((e) => e.position !== 0n || e.bidSize !== 0n || e.offerSize !== 0n);
    held.sort((a, b) => this.desk.marketName(a.marketId).localeCompare(this.desk.marketName(b.marketId)));
    setText(slot(this.root, "cash"), money.cash(account.cash));
    setText(slot(this.root, "available"), money.cash(account.available));
    setText(slot(this.root, "held-back"), money.cash(account.cash - account.available));
    showRows(this.holdings, held);
    showEmpty(this.root, "holding", held.length === 0);
  }

  private mark({ marketId }: Exposure): bigint | null {
    const summary = this.desk.summary(marketId);
    return summary ? money.mark(summary.bid ?? null, summary.offer ?? null, summary.lastPrice ?? null) : null;
  }

  private fillHolding(row: HTMLElement, e: Exposure): void {
    const mark = this.mark(e);
    const link = slot(row, "market");
    setText(link, this.desk.marketName(e.marketId));
    setAttribute(link, "href", `/markets/${e.marketId}/`);
    setText(slot(row, "position"), money.signedSize(e.position));
    setText(slot(row, "entry"), words.orDash(money.cash, money.averageEntry(e.cost, e.position)));
    setText(slot(row, "mark"), words.orDash(money.price, mark));
    const unrealised = mark === null || e.position === 0n ? null : e.position * mark - e.cost;
    setText(slot(row, "unrealised"), words.orDash(money.signedCash, unrealised));
    setText(slot(row, "realised"), money.signedCash(e.realised));
    setText(slot(row, "bids"), money.size(e.bidSize));
    setText(slot(row, "offers"), money.size(e.offerSize));
    setText(slot(row, "held-back"), money.cash(-e.worst));
  }
}
