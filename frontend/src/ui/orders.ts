// Own open orders with cancel buttons: of one market on its page, else of all markets.

import { sideName } from "../book";
import type { Desk } from "../desk";
import { type Order, Side } from "../gen/proto/exchange_pb";
import * as money from "../money";
import { type Answer, newKey } from "../requests";
import type { SideName } from "../risk";
import { find, type Rows, setAttribute, setText, showEmpty, showRows, signatureOf, slot, template } from "./dom";
import { once } from "./intents";
import type { Toasts } from "./toasts";
import * as words from "./words";

const ORDERS_SHOWN = 200; // as ORDERS_SHOWN of markets/reads/selectors.py

export const ownOrders = (desk: Desk, marketId: bigint | null): Order[] =>
  [...(desk.account?.orders.values() ?? [])].filter((order) => marketId === null || order.marketId === marketId);

// By the values of the cancel buttons.
const SIDES: Record<"" | SideName, Side> = { "": Side.SIDE_UNSPECIFIED, bid: Side.BID, offer: Side.OFFER };

export class OrdersView {
  private readonly rows: Rows<Order>;

  constructor(
    private readonly root: HTMLElement,
    private readonly desk: Desk,
    private readonly toasts: Toasts,
    private readonly marketId: bigint | null,
  ) {
    this.rows = {
      body: find(root, '[data-rows="order"]'),
      template: template(root, "order"),
      key: (order) => String(order.id),
      signature: (order) => signatureOf(order.open, marketId === null ? desk.marketName(order.marketId) : ""),
      fill: (row, order) => this.fill(row, order),
    };
    root.addEventListener("submit", (event) => this.submit(event));
  }

  render(): void {
    if (!this.desk.account) return;
    const orders = ownOrders(this.desk, this.marketId).sort((a, b) => (a.id < b.id ? 1 : -1));
    const focused = document.activeElement?.closest("[data-rows='order'] > tr");
    showRows(this.rows, orders.slice(0, ORDERS_SHOWN));
    const cut = slot(this.root, "cut");
    cut.hidden = orders.length <= ORDERS_SHOWN;
    setText(cut, `The newest ${ORDERS_SHOWN} of ${orders.length}.`);
    showEmpty(this.root, "order", orders.length === 0);
    // If the focused row is gone, focus the first cancel button, or the one that cancels all.
    if (focused && !focused.isConnected) {
      (this.rows.body.querySelector<HTMLElement>("button") ?? find(this.root, '[data-testid="cancel-all"]')).focus();
    }
  }

  /** Cancels own orders of a side ("": of both), in this market or everywhere. Each side is an intent of its own. */
  async out(side: "" | SideName): Promise<void> {
    const form = find<HTMLFormElement>(this.root, '[data-form="out"]');
    const answer = await once(form, (key) => this.desk.out(this.marketId ?? 0n, SIDES[side], key + side.slice(0, 1)));
    this.showAnswer(answer, (message) =>
      message.case === "ordersCancelled" ? words.cancelled(message.value.orders.length) : "",
    );
  }

  private async cancel(form: HTMLFormElement, orderId: bigint): Promise<void> {
    this.showAnswer(await once(form, (key) => this.desk.cancel(orderId, key)), () => "");
  }

  private submit(event: SubmitEvent): void {
    const { target, submitter } = event;
    if (!(target instanceof HTMLFormElement) || !(submitter instanceof HTMLButtonElement)) return;
    const form = target.dataset.form;
    if (this.desk.formsPost || (form !== "cancel" && form !== "out")) return;
    event.preventDefault();
    if (form === "cancel") void this.cancel(target, BigInt(submitter.value));
    else void this.out(submitter.value === "bid" || submitter.value === "offer" ? submitter.value : "");
  }

  private showAnswer(
    answer: Answer | null, // null: nothing was sent, because an answer is awaited
    success: (message: Extract<Answer, { kind: "answer" }>["message"]["message"]) => string,
  ): void {
    if (!answer) return;
    const [kind, text] = answerText(answer, success);
    if (text) this.toasts.show(kind, text);
  }

  private fill(row: HTMLElement, order: Order): void {
    if (this.marketId === null) {
      const link = slot(row, "market");
      setText(link, this.desk.marketName(order.marketId));
      setAttribute(link, "href", `/markets/${order.marketId}/`);
    }
    const side = slot(row, "side");
    setText(side, sideName(order.side));
    side.className = order.side === Side.BID ? "text-bid" : "text-offer";
    setText(slot(row, "price"), money.price(order.price));
    setText(slot(row, "open"), money.size(order.open));
    setText(slot(row, "size"), money.size(order.size));
    setText(slot(row, "since"), money.clock(order.createdUs));
    const cancel = slot<HTMLButtonElement>(row, "cancel");
    cancel.value = String(order.id);
    const key = find<HTMLInputElement>(row, '[name="key"]');
    key.value ||= newKey();
    setAttribute(cancel, "aria-label", words.cancelLabel(order));
  }
}

type Body = Extract<Answer, { kind: "answer" }>["message"]["message"];

/** The toast for an answer; an empty text means no toast. */
export function answerText(answer: Answer, success: (message: Body) => string): ["success" | "error", string] {
  if (answer.kind === "unsent") return ["error", "You are not connected. Nothing was sent."];
  if (answer.kind === "unknown")
    return ["error", "No answer arrived, so this may or may not have happened. Send it again: it acts only once."];
  const body = answer.message.message;
  return body.case === "refused" ? ["error", body.value.message] : ["success", success(body)];
}
