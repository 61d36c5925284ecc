// Keyboard shortcuts of a market's page. Single letters disturb dictation and screen readers, so they can be switched off;
// the browser remembers the choice.

import type { SideName } from "../risk";
import { closeMenu } from "./chrome";
import { find } from "./dom";
import type { MarketView } from "./market";

const STORAGE_KEY = "keys";
const SIDE_KEYS: Record<string, SideName> = { b: "bid", s: "offer" };

export function enhanceKeys(root: HTMLElement, view: MarketView): void {
  const help = find(root, "[data-keys]");
  const toggle = find<HTMLInputElement>(help, "[data-keys-on]");
  help.hidden = false;
  toggle.checked = localStorage.getItem(STORAGE_KEY) !== "off";
  toggle.addEventListener("change", () => localStorage.setItem(STORAGE_KEY, toggle.checked ? "on" : "off"));

  document.addEventListener("keydown", (event) => {
    if (!toggle.checked || event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const side = SIDE_KEYS[event.key];
    if (event.key === "Escape" && !closeMenu()) void view.orders.out("");
    else if (side && !takesText(event.target)) {
      event.preventDefault();
      view.ticket.take(side, null);
    }
  });
}

/** Whether this element takes letters. Price and size do not. */
function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.matches("[data-number]")) return false;
  return target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
}
