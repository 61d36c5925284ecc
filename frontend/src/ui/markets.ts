// The list of markets. Markets come and go; those whose book is visible show their summary.

import type { Desk } from "../desk";
import type { Market } from "../gen/proto/exchange_pb";
import { type Group, grouped, type Listing, listed } from "../listing";
import * as money from "../money";
import { find, type Rows, setAttribute, setText, showEmpty, showRows, signatureOf, slot, template } from "./dom";
import { showStatus } from "./status";
import * as words from "./words";

export class MarketsView {
  private readonly table: HTMLTableElement;
  private listing: Listing;
  private readonly groups: Rows<Group>;
  private readonly rows: Omit<Rows<Market>, "body">;

  constructor(
    private readonly root: HTMLElement,
    private readonly desk: Desk,
  ) {
    this.table = find(root, "table");
    this.listing = desk.page.listing;
    const field = find<HTMLInputElement>(root, '[name="find"]');
    field.addEventListener("input", () => this.search(field.value));
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
    const { shown, more } = listed(markets.values(), this.listing);
    const groups = grouped(shown);
    showRows(this.groups, groups);
    groups.forEach((group, index) => {
      const body = this.table.tBodies[index];
      if (body) showRows({ ...this.rows, body }, group.markets);
    });
    showEmpty(this.root, "market", shown.length === 0);
    find(this.root, '[data-empty="market"]').hidden = markets.size > 0;
    find(this.root, '[data-empty="found"]').hidden = shown.length > 0 || markets.size === 0;
    this.showLink("before", this.listing.page - 1, this.listing.page > 1);
    this.showLink("after", this.listing.page + 1, more);
    find(this.root, '[data-testid="page-links"]').hidden = this.listing.page === 1 && !more;
  }

  private showLink(name: string, page: number, shown: boolean): void {
    const link = slot(this.root, name);
    link.hidden = !shown;
    const wanted = this.listing.find ? `&find=${encodeURIComponent(this.listing.find)}` : "";
    setAttribute(link, "href", `?page=${page}${wanted}`);
  }

  private search(typed: string): void {
    this.listing = { find: typed, page: 1 };
    this.render();
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
