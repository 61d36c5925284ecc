// Enhances the page that the server rendered: one connection, and a view that draws at most once per animation frame.

import type { World } from "./connection";
import { Desk } from "./desk";
import * as money from "./money";
import { type Page, readPage } from "./page";
import { enhanceChrome } from "./ui/chrome";
import { find, setText } from "./ui/dom";
import { enhanceForms, lockForms } from "./ui/intents";
import { enhanceKeys } from "./ui/keys";
import { ConnectionLight } from "./ui/light";
import { MarketView } from "./ui/market";
import { MarketsView } from "./ui/markets";
import { PortfolioView } from "./ui/portfolio";
import { Toasts } from "./ui/toasts";
import { TransfersPageView } from "./ui/transfers";

const EXPIRE_EVERY_MS = 1_000;
const NEXT_PAGE_MESSAGE = "next-page-message"; // key in session storage: an error that the next page shows

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
  const root = find(document, page.name ? `[data-view="${page.name}"]` : "main");
  const toasts = new Toasts(() => desk);
  const desk = new Desk(page, browser, {
    onConnection: (state) => {
      light.show(state);
      root.toggleAttribute("data-stale", desk.stale && page.name !== "");
      lockForms(desk.lockReason);
      if (state.kind === "account lost") reloadAsSelf(page);
    },
    onChange: () => redraw(),
    onNotices: (notices) => toasts.announce(notices),
  });
  const available = find(document, "[data-available]");
  const view = makeView(root, page, desk, toasts, () => redraw());
  const redraw = oncePerFrame(() => {
    view.render();
    if (desk.account) setText(available, money.cash(desk.account.available));
  });
  const message = sessionStorage.getItem(NEXT_PAGE_MESSAGE);
  if (message) toasts.show("error", message);
  sessionStorage.removeItem(NEXT_PAGE_MESSAGE);
  desk.connection.connect();
  window.addEventListener("online", () => desk.connection.connect());
  window.setInterval(() => desk.requests.expire(), EXPIRE_EVERY_MS);
}

/** Reloads the page, which then acts as the person's own account, and says why. */
function reloadAsSelf({ accountName }: Page): void {
  sessionStorage.setItem(NEXT_PAGE_MESSAGE, `You may no longer act as ${accountName}. You now act as yourself.`);
  location.reload();
}

function makeView(root: HTMLElement, page: Page, desk: Desk, toasts: Toasts, redraw: () => void): View {
  if (page.name === "") return { render: () => undefined };
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
enhanceForms();
const pageData = readPage();
if (pageData) start(pageData);
