// Short messages: own fills (grouped), transfers, settlements, refusals. The region is aria-live.

import type { Desk } from "../desk";
import type { Fill } from "../gen/proto/exchange_pb";
import type { Notice } from "../slice";
import { find, instantiate, template } from "./dom";
import * as words from "./words";

const GROUP_MS = 500;
const SHOWN_MS: Record<string, number> = { success: 6_000, info: 8_000, error: 15_000 };
const SHOWN_MAX = 5;

export type Kind = "success" | "error" | "info";

const CLASSES: Record<Kind, string> = { success: "alert-success", error: "alert-error", info: "alert-info" };

export class Toasts {
  private readonly region = find(document, "[data-toasts]");
  private readonly template = template(this.region, "toast");
  private readonly waiting = new Map<string, { accountId: bigint; fills: Fill[] }>();
  private readonly announced = new Set<bigint>(); // ids of transfers: both accounts may be the person's
  private timer: number | null = null;

  constructor(private readonly desk: () => Desk) {
    for (const toast of this.shown()) this.expire(toast);
  }

  show(kind: Kind, text: string): void {
    const toast = instantiate(this.template);
    toast.classList.add(CLASSES[kind]);
    toast.dataset.kind = kind;
    toast.textContent = text;
    toast.addEventListener("click", () => toast.remove());
    this.region.append(toast);
    for (const old of this.shown().slice(0, -SHOWN_MAX)) old.remove();
    this.expire(toast);
  }

  announce(notices: readonly Notice[]): void {
    for (const notice of notices) {
      if (notice.kind === "fills") this.group(notice.accountId, notice.fills);
      else if (notice.kind === "transfer") this.transfer(notice);
      else if (notice.kind === "paid out") {
        const { paidOut } = notice;
        this.show(
          "info",
          this.prefix(paidOut.accountId) +
            words.paidOut(paidOut, this.desk().marketName(paidOut.marketId), this.desk().page.chip),
        );
      }
    }
  }

  private transfer({ stream, transfer }: Extract<Notice, { kind: "transfer" }>): void {
    if (this.announced.has(transfer.id)) return;
    this.announced.add(transfer.id);
    const account = BigInt(stream.slice(stream.indexOf(".") + 1));
    this.show(
      "info",
      this.prefix(account) + words.transferred(transfer, account, this.desk().accountName, this.desk().page.chip),
    );
  }

  private group(accountId: bigint, fills: readonly Fill[]): void {
    for (const fill of fills) {
      const key = `${accountId} ${fill.marketId} ${fill.side}`;
      const group = this.waiting.get(key) ?? { accountId, fills: [] };
      group.fills.push(fill);
      this.waiting.set(key, group);
    }
    this.timer ??= window.setTimeout(() => this.flush(), GROUP_MS);
  }

  private flush(): void {
    this.timer = null;
    for (const { accountId, fills } of this.waiting.values()) {
      const market = this.desk().marketName(fills[0]?.marketId ?? 0n);
      this.show("success", this.prefix(accountId) + words.filled(fills, market));
    }
    this.waiting.clear();
  }

  /** The name of the account, unless it is the acting one. */
  private prefix(accountId: bigint): string {
    return accountId === this.desk().page.account ? "" : `${this.desk().accountName(accountId)}: `;
  }

  private shown(): HTMLElement[] {
    return [...this.region.querySelectorAll<HTMLElement>(".alert")];
  }

  private expire(toast: HTMLElement): void {
    window.setTimeout(
      () => {
        if (toast.matches(":hover")) this.expire(toast);
        else toast.remove();
      },
      SHOWN_MS[toast.dataset.kind ?? "info"],
    );
  }
}
