// The list of markets. Markets come and go; those whose book is visible show their summary.

import type { Desk } from "../desk";
import type { Market } from "../gen/proto/exchange_pb";
import { type Group, grouped } from "../listing";
import * as money from "../money";
import { filter } from "./chrome";
import { find, type Rows, setAttribute, setText, showEmpty, showRows, signatureOf, slot, template } from "./dom";
import { showStatus } from "./status";
import * as words from "./words";

export class MarketsView {
  private readonly table: HTMLTableElement;
  private readonly search: HTMLInputElement;
  private readonly groups: Rows<Group>;
  private readonly rows: Omit<Rows<Market>, "body">;

  constructor(
    private readonly root: HTMLElement,
    private readonly desk: Desk,
  ) {
    this.table = find(root, "table");
    this.search = find(root, '[data-filter="markets"]');
    this.groups = {
      body: this.table,
      template: template(root, "group"),
      key: (group) => group.key,
      signature: (group) => group.name,
      fill: (body, group) => setText(slot(body, "group"), group.name),
    };
    this.rows = {
      template: template(root, "market"),
      key: (market) => String(market.id),
      signature: (market) => this.signature(market),
      fill: (row, market) => this.fill(row, market),
    };
  }

  render(): void {
    const { markets } = this.desk;
    if (!markets) return;
    const groups = grouped(markets.values());
    showRows(this.groups, groups);
    groups.forEach((group, index) => {
      const body = this.table.tBodies[index];
      if (body) showRows({ ...this.rows, body }, group.markets);
    });
    showEmpty(this.root, "market", groups.length === 0);
    if (this.search.value) filter(this.search);
  }

  private position(market: Market): bigint {
    return this.desk.account?.exposures.get(market.id)?.position ?? 0n;
  }

  private signature(market: Market): string {
    const { name, status, category, pinned, settlePrice } = market;
    const summary = this.desk.summary(market.id);
    const figures = [summary?.bid, summary?.offer, summary?.lastPrice, summary?.volume];
    return signatureOf(status, category, pinned, settlePrice, ...figures, this.position(market), name);
  }

  private fill(row: HTMLElement, market: Market): void {
    const summary = this.desk.summary(market.id);
    const link = slot(row, "market");
    setText(link, market.name);
    setAttribute(link, "href", `/markets/${market.id}/`);
    const category = slot(row, "category"); // of pinned markets only: the heading shows it for the others
    category.hidden = !market.pinned || market.category === "";
    setText(category, category.hidden ? "" : market.category);
    showStatus(row, market.status, this.desk.page.words);
    setText(slot(row, "bid"), words.orDash(money.price, summary?.bid));
    setText(slot(row, "offer"), words.orDash(money.price, summary?.offer));
    setText(slot(row, "last"), words.orDash(money.price, market.settlePrice ?? summary?.lastPrice));
    setText(slot(row, "volume"), words.orDash(money.size, summary?.volume));
    setText(slot(row, "bounds"), `${money.price(market.minSettlement)} … ${money.price(market.maxSettlement)}`);
    setText(slot(row, "position"), money.signedSize(this.position(market)));
  }
}
