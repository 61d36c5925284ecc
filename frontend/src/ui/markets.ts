// The list of markets: those that one knows of, as they come and go, with a line of each that one sees whole.
import type { Desk } from "../desk";
import type { Market } from "../gen/proto/exchange_pb";
import { type Group, grouped } from "../listing";
import * as money from "../money";
import { filter } from "./chrome";
import { find, type Rows, setAttribute, setText, showEmpty, showRows, signature, slot, template } from "./dom";
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
      sign: (group) => group.name,
      fill: (body, group) => setText(slot(body, "group"), group.name),
    };
    this.rows = {
      template: template(root, "market"),
      key: (market) => String(market.id),
      sign: (market) => this.sign(market),
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

  private sign(market: Market): string {
    const { name, status, category, pinned, settlePrice } = market;
    const line = this.desk.summary(market.id);
    const told = [line?.bid, line?.offer, line?.lastPrice, line?.volume];
    return signature(status, category, pinned, settlePrice, ...told, this.position(market), name);
  }

  private fill(row: HTMLElement, market: Market): void {
    const line = this.desk.summary(market.id);
    const link = slot(row, "market");
    setText(link, market.name);
    setAttribute(link, "href", `/markets/${market.id}/`);
    const category = slot(row, "category"); // else the heading says it
    category.hidden = !market.pinned || market.category === "";
    setText(category, category.hidden ? "" : market.category);
    showStatus(row, market.status, this.desk.page.words);
    setText(slot(row, "bid"), words.or(money.price, line?.bid));
    setText(slot(row, "offer"), words.or(money.price, line?.offer));
    setText(slot(row, "last"), words.or(money.price, market.settlePrice ?? line?.lastPrice));
    setText(slot(row, "volume"), words.or(money.size, line?.volume));
    setText(slot(row, "bounds"), `${money.price(market.minSettlement)} … ${money.price(market.maxSettlement)}`);
    setText(slot(row, "position"), money.signedSize(this.position(market)));
  }
}
