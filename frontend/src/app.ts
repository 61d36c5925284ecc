// Enhances the page that the server wrote: one connection, and views that draw what it tells at most once a frame.

import type { World } from "./connection";
import { Desk } from "./desk";
import * as money from "./money";
import { type Page, readPage } from "./page";
import { enhanceChrome } from "./ui/chrome";
import { find, setText } from "./ui/dom";
import { enhanceKeys } from "./ui/keys";
import { ConnectionLight } from "./ui/light";
import { MarketView } from "./ui/market";
import { MarketsView } from "./ui/markets";
import { PortfolioView } from "./ui/portfolio";
import { Toasts } from "./ui/toasts";
import { TransfersPageView } from "./ui/transfers";

const EXPIRE_EVERY_MS = 1_000;
const SAY_NEXT = "say next"; // of the tab's session storage: what the page that comes has to tell

interface View {
  render(): void;
}

const browser: World = {
  openSocket: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`),
  nowMs: () => Date.now(),
  random: () => Math.random(),
  later: (run, ms) => {
    const timer = window.setTimeout(run, ms);
    return () => window.clearTimeout(timer);
  },
};

function start(page: Page): void {
  const light = new ConnectionLight();
  const toasts = new Toasts(() => desk);
  const desk = new Desk(page, browser, {
    light: (state) => {
      light.show(state);
      if (state.kind === "account lost") startOver(page);
    },
    changed: () => redraw(),
    happened: (notices) => toasts.tell(notices),
  });
  const available = find(document, "[data-available]");
  const view = makeView(page, desk, toasts, () => redraw());
  const redraw = oncePerFrame(() => {
    view.render();
    if (desk.account) setText(available, money.cash(desk.account.available));
  });
  const said = sessionStorage.getItem(SAY_NEXT);
  if (said) toasts.show("error", said);
  sessionStorage.removeItem(SAY_NEXT);
  desk.connection.connect();
  window.addEventListener("online", () => desk.connection.connect());
  window.setInterval(() => desk.requests.expire(), EXPIRE_EVERY_MS);
}

/** Loads the page again for the own account, with its forms, and tells why. */
function startOver({ accountName }: Page): void {
  sessionStorage.setItem(SAY_NEXT, `You no longer act as ${accountName}; you act as yourself again.`);
  location.reload();
}

function makeView(page: Page, desk: Desk, toasts: Toasts, redraw: () => void): View {
  const root = find(document, `[data-view="${page.name}"]`);
  if (page.name === "portfolio") return new PortfolioView(root, desk, toasts);
  if (page.name === "transfers") return new TransfersPageView(root, desk);
  if (page.name === "markets" || !page.market) return new MarketsView(root, desk);
  const view = new MarketView(root, desk, page.market, toasts, redraw);
  enhanceKeys(root, view);
  return view;
}

function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

enhanceChrome();
const written = readPage();
if (written) start(written);
