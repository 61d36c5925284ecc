// The ticket: shows what an order would use, sends it, and steps the price by keys.

import type { Desk } from "../desk";
import { type Market, Side, TimeInForce } from "../gen/proto/exchange_pb";
import * as money from "../money";
import type { MarketData } from "../page";
import { type Exposure, NO_EXPOSURE, type SideName } from "../risk";
import { estimate, readTicket, stepPrice, type Typed } from "../ticket";
import { find, setText, slot } from "./dom";
import { once } from "./intents";
import { answerText } from "./orders";
import type { Toasts } from "./toasts";
import * as words from "./words";

const TIMES_IN_FORCE: Record<string, TimeInForce> = {
  GTC: TimeInForce.GTC,
  IOC: TimeInForce.IOC,
  FOK: TimeInForce.FOK,
};

export class Ticket {
  readonly form: HTMLFormElement;
  private readonly price: HTMLInputElement;
  private readonly size: HTMLInputElement;
  private readonly timeInForce: HTMLSelectElement;
  private readonly postOnly: HTMLInputElement;
  private readonly uses: HTMLElement;

  constructor(
    root: HTMLElement,
    private readonly desk: Desk,
    private readonly market: MarketData,
    private readonly toasts: Toasts,
    private readonly changed: () => void,
  ) {
    this.form = find<HTMLFormElement>(root, '[data-form="ticket"]');
    this.price = find<HTMLInputElement>(this.form, '[name="price"]');
    this.size = find<HTMLInputElement>(this.form, '[name="size"]');
    this.timeInForce = find<HTMLSelectElement>(this.form, '[name="time_in_force"]');
    this.postOnly = find<HTMLInputElement>(this.form, '[name="post_only"]');
    this.uses = slot(this.form, "uses");
    this.form.addEventListener("input", () => this.changed());
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.price.addEventListener("keydown", (event) => this.step(event));
  }

  get side(): SideName {
    return find<HTMLInputElement>(this.form, '[value="offer"]').checked ? "offer" : "bid";
  }

  /** The typed price; null if it is not a price. */
  get limit(): bigint | null {
    return orNull(money.parse(this.price.value, money.PRICE_DECIMALS));
  }

  get volume(): bigint | null {
    return orNull(money.parse(this.size.value, money.SIZE_DECIMALS));
  }

  /** Chooses a side, by key or by a click into the book; the click also fills in the price. */
  take(side: SideName, price: bigint | null): void {
    find<HTMLInputElement>(this.form, `[value="${side}"]`).checked = true;
    if (price !== null) this.price.value = money.price(price);
    const field = price === null || this.size.value !== "" ? this.price : this.size;
    field.focus();
    field.select();
    this.changed();
  }

  render(): void {
    const { account, page } = this.desk;
    const available = account?.available ?? page.available;
    const exposure: Exposure = account
      ? (account.exposures.get(this.market.id) ?? NO_EXPOSURE)
      : (page.exposure ?? NO_EXPOSURE);
    const { text, short } = estimate(this.typed(), this.side, this.market, exposure, available, page.chip);
    setText(this.uses, text);
    this.uses.classList.toggle("short", short);
  }

  showWhyClosed({ status, restricted }: Market): void {
    const unlisted = restricted ? this.market.unlisted : "";
    const reason = this.desk.page.words.closedTicket[String(status)] ?? unlisted;
    const closed = slot(this.form, "closed");
    setText(closed, reason);
    closed.hidden = reason === "";
    find<HTMLButtonElement>(this.form, ".submit").disabled = reason !== "";
  }

  private typed(): Typed {
    return readTicket(this.market, this.price.value, this.size.value);
  }

  private submit(event: SubmitEvent): void {
    if (this.desk.formsPost) return;
    event.preventDefault();
    const typed = this.typed();
    if (typed === null || typeof typed === "string") {
      this.answer("error", typed ?? "Enter a price and a size.");
      return;
    }
    void this.send(typed.price, typed.size);
  }

  private async send(price: bigint, size: bigint): Promise<void> {
    const order = {
      marketId: this.market.id,
      side: this.side === "bid" ? Side.BID : Side.OFFER,
      price,
      size,
      timeInForce: TIMES_IN_FORCE[this.timeInForce.value] ?? TimeInForce.GTC,
      postOnly: this.postOnly.checked,
    };
    const answer = await once(this.form, (key) => {
      setText(slot(this.form, "answer"), "Sending …");
      return this.desk.place(order, key);
    });
    if (!answer) return;
    this.answer(
      ...answerText(answer, (body) =>
        body.case === "orderCreated" && body.value.order ? words.placed(body.value.order) : "",
      ),
    );
  }

  private answer(kind: "success" | "error", text: string): void {
    setText(slot(this.form, "answer"), kind === "error" ? "" : text);
    if (kind === "error") this.toasts.show("error", text);
  }

  private step(event: KeyboardEvent): void {
    const price = this.limit;
    if ((event.key !== "ArrowUp" && event.key !== "ArrowDown") || price === null) return;
    event.preventDefault();
    this.price.value = money.price(stepPrice(this.market, price, event.key === "ArrowUp"));
    this.changed();
  }
}

const orNull = (parsed: bigint | string): bigint | null => (typeof parsed === "string" ? null : parsed);
