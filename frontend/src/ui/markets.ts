// The list of markets: prices, status and own position of each line.
import type { Desk } from "../desk";
import * as money from "../money";
import { setText, slot } from "./dom";
import { showStatus } from "./status";
import * as words from "./words";

export class MarketsView {
  private readonly rows: [bigint, HTMLElement][];

  constructor(
    root: HTMLElement,
    private readonly desk: Desk,
  ) {
    const rows = [...root.querySelectorAll<HTMLElement>("tr[data-key]")];
    this.rows = rows.map((row) => [BigInt(row.dataset["key"] ?? "0"), row]);
  }

  render(): void {
    for (const [id, row] of this.rows) {
      const position = this.desk.account?.exposures.get(id)?.position;
      if (position !== undefined) setText(slot(row, "position"), money.signedSize(position));
      const slice = this.desk.market(id);
      const market = slice?.markets.get(id);
      if (!slice || !market) continue;
      setText(slot(row, "bid"), words.or(money.price, slice.book.best("bid")));
      setText(slot(row, "offer"), words.or(money.price, slice.book.best("offer")));
      setText(slot(row, "last"), words.or(money.price, market.settlePrice ?? market.lastPrice));
      showStatus(row, market.status, this.desk.page.words);
    }
  }
}
