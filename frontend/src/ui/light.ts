// The connection light: live, resyncing, not answering, offline with a countdown, signed out.

import type { ConnectionState } from "../connection";
import { find, setAttribute, setText, slot } from "./dom";

const TICK_MS = 250;

export class ConnectionLight {
  private readonly element = find(document, "[data-light]");
  private readonly text = slot(this.element, "text");
  private timer: number | null = null;

  show(state: ConnectionState): void {
    if (this.timer !== null) window.clearInterval(this.timer);
    this.timer = null;
    this.element.hidden = false;
    setAttribute(this.element, "data-state", state.kind.replaceAll(" ", "-"));
    if (state.kind === "offline") {
      const tick = (): void => setText(this.text, countdown(state.retryAtMs - Date.now()));
      this.timer = window.setInterval(tick, TICK_MS);
      tick();
    } else {
      setText(this.text, state.kind === "signed out" ? "signed out: reload to sign in" : state.kind);
    }
  }
}

function countdown(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return seconds > 0 ? `offline, next try in ${seconds} s` : "offline, trying now";
}
