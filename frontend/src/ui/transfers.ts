// An account's transfers, newest first: all known ones on the portfolio, one page of them on the transfers page.

import type { Desk } from "../desk";
import type { Transfer } from "../gen/proto/exchange_pb";
import * as money from "../money";
import { find, type Rows, setText, showEmpty, showRows, slot, template } from "./dom";

export class TransfersView {
  private readonly rows: Rows<Transfer>;

  constructor(
    private readonly root: HTMLElement,
    private readonly desk: Desk,
    private readonly oldest = 0n, // id; older transfers are on the next page
  ) {
    this.rows = {
      body: find(root, '[data-rows="transfer"]'),
      template: template(root, "transfer"),
      key: (transfer) => String(transfer.id),
      signature: (transfer) => desk.accountName(this.other(transfer)),
      fill: (row, transfer) => this.fill(row, transfer),
    };
  }

  /** Waits for the account's snapshot and for the names of the others. */
  render(): void {
    const { account } = this.desk;
    if (!account || !this.desk.state.slices.has("public")) return;
    const shown = account.transfers.filter(({ id }) => id >= this.oldest);
    showRows(this.rows, shown);
    showEmpty(this.root, "transfer", shown.length === 0);
  }

  private other({ fromAccountId, toAccountId }: Transfer): bigint {
    return fromAccountId === this.desk.page.account ? toAccountId : fromAccountId;
  }

  private fill(row: HTMLElement, transfer: Transfer): void {
    const paid = transfer.fromAccountId === this.desk.page.account;
    setText(slot(row, "when"), money.moment(transfer.atUs));
    setText(slot(row, "kind"), this.desk.page.words.transferKind[String(transfer.kind)] ?? "");
    setText(slot(row, "note"), transfer.note);
    setText(slot(row, "with"), `${paid ? "to" : "from"} ${this.desk.accountName(this.other(transfer))}`);
    setText(slot(row, "amount"), money.signedCash(paid ? -transfer.amount : transfer.amount));
  }
}

/** The transfers page: the available balance, and on the first page new transfers as they come. */
export class TransfersPageView {
  private readonly list: TransfersView | null;

  constructor(
    private readonly root: HTMLElement,
    private readonly desk: Desk,
  ) {
    const body = root.querySelector('[data-rows="transfer"]');
    const older = root.querySelector('[rel="next"]') !== null;
    const last = body?.lastElementChild?.getAttribute("data-key");
    this.list = body && new TransfersView(root, desk, older && last ? BigInt(last) : 0n);
  }

  render(): void {
    const { account } = this.desk;
    if (account) setText(slot(this.root, "available"), money.cash(account.available));
    this.list?.render();
  }
}
