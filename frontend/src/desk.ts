// The page's one connection: the state that it receives, and the requests that it can send.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Connection, type ConnectionState, FRAMES_PER_SECOND, type World } from "./connection";
import type { Request } from "./frames";
import type {
  CreateOrderSchema,
  Market,
  MarketSummary,
  ServerMessage,
  Side,
  SubscriptionSchema,
  Trade,
} from "./gen/proto/exchange_pb";
import type { Page } from "./page";
import { type Answer, Requests } from "./requests";
import { type Notice, type Slice, TRADES_KEPT } from "./slice";
import {
  applyFrame,
  bookSlice,
  definitions,
  endSwitch,
  isLoaded,
  newState,
  resume,
  type State,
  subscribedToBook,
} from "./store";
import { accountStream, marketStream, summaryStream } from "./streams";

const SUDO_ID = "sudo"; // request id of SetSudo

/** Why a page that is not live sends nothing. */
const LOCK_REASONS: Record<ConnectionState["kind"], string> = {
  live: "",
  resyncing: "The connection is coming back. Nothing is sent until then.",
  "not answering": "The exchange is not answering. Nothing is sent until it does.",
  offline: "You are offline. Nothing is sent until the connection is back.",
  "signed out": "",
  "account lost": "You may no longer act as this account.",
};

export interface DeskListener {
  onConnection(state: ConnectionState): void;
  onChange(): void;
  onNotices(notices: readonly Notice[]): void;
}

type SubscriptionRequest = MessageInitShape<typeof SubscriptionSchema>;

export type NewOrder = Omit<MessageInitShape<typeof CreateOrderSchema>, "clientOrderId" | "$typeName" | "$unknown">;

export class Desk {
  readonly state: State = newState();
  readonly connection: Connection;
  readonly requests: Requests;
  private definedMarkets: Map<bigint, Market> | null = null; // cached until the next frame
  private ownTrades: bigint[] = []; // ids from the page's account's fills in the page's market, oldest first
  private sudoRestored = false; // restoreSudo() ran on this connection
  stale = false; // what the page shows may be old: not live, and no newer snapshot has come
  everLive = false;
  private connectionState: ConnectionState["kind"] = "resyncing";

  constructor(
    readonly page: Page,
    world: World,
    private readonly listener: DeskListener,
  ) {
    this.connection = new Connection(world, {
      authenticate: () => this.authenticate(),
      onFrame: (messages) => this.receive(messages),
      onState: (state) => {
        this.connectionState = state.kind;
        if (state.kind !== "resyncing") this.stale = state.kind !== "live";
        listener.onConnection(state);
      },
    });
    this.requests = new Requests(
      (requestId, message) => this.connection.send(requestId, message),
      () => world.nowMs(),
    );
  }

  /** The acting account, once its snapshot has arrived. */
  get account(): Slice | undefined {
    return this.state.slices.get(accountStream(this.page.account));
  }

  /** The market's book, masked or unmasked. */
  market(id: bigint): Slice | undefined {
    return bookSlice(this.state, id);
  }

  /** Every visible market by id; null until all snapshots have arrived. */
  get markets(): Map<bigint, Market> | null {
    return isLoaded(this.state) ? this.definitions : null;
  }

  definition(id: bigint): Market | undefined {
    return this.definitions.get(id);
  }

  private get definitions(): Map<bigint, Market> {
    this.definedMarkets ??= definitions(this.state);
    return this.definedMarkets;
  }

  summary(id: bigint): MarketSummary | undefined {
    return this.state.slices.get(summaryStream(id))?.summary ?? undefined;
  }

  /** Whether the page's account traded here. Where the market hides account ids, only own fills tell. */
  isOwn(trade: Trade): boolean {
    const { account } = this.page;
    return this.ownTrades.includes(trade.id) || trade.buyerId === account || trade.sellerId === account;
  }

  accountName = (id: bigint): string => this.state.slices.get("public")?.accounts.get(id)?.name ?? `account ${id}`;
  marketName = (id: bigint): string => this.definition(id)?.name ?? `market ${id}`;

  place(order: NewOrder, key: string): Promise<Answer> {
    return this.command({ case: "createOrder", value: { ...order, clientOrderId: key } });
  }

  cancel(orderId: bigint, key: string): Promise<Answer> {
    return this.command({ case: "cancelOrder", value: { orderId, key } });
  }

  /** Cancels all own orders. marketId 0: in every market; side 0: both sides. */
  out(marketId: bigint, side: Side, key: string): Promise<Answer> {
    return this.command({ case: "out", value: { marketId, side, key } });
  }

  /** Whether forms post as without scripts: a network may block sockets, and after signing out the server leads back. */
  get formsPost(): boolean {
    return !this.everLive || this.connectionState === "signed out";
  }

  /** Why nothing can be sent now; "" if it can. */
  get lockReason(): string {
    return this.formsPost || !this.stale ? "" : LOCK_REASONS[this.connectionState];
  }

  /** Sends only if the socket acts as the page's account. */
  private command(message: Request): Promise<Answer> {
    return this.acts ? this.requests.ask(message) : Promise.resolve({ kind: "unsent" });
  }

  private get acts(): boolean {
    return this.state.actingAs === this.page.account;
  }

  private authenticate(): Request {
    const { page, state } = this;
    const resumed = resume(state);
    this.sudoRestored = false;
    state.switching = page.sudo;
    const named = page.markets.filter((id) => page.sudo || !state.revoked.has(id));
    const subscriptions: SubscriptionRequest[] = named.map((id) => ({
      stream: { case: "marketId", value: id },
      fromSeq: (resumed && state.positions.get(marketStream(id))) ?? 0n,
    }));
    // Not resumed: a summary is one message.
    if (page.summaries) subscriptions.push({ stream: { case: "marketSummary", value: true } });
    const { epoch, fromSeq } = resumed ?? { epoch: 0n, fromSeq: 0n };
    const actAs = page.sudo ? 0n : page.account; // in sudo the page's account may need sudo: act as it later
    const value = { actAs, framesPerSecond: FRAMES_PER_SECOND, subscriptions, epoch, fromSeq };
    return { case: "authenticate", value };
  }

  /** If the browser is in sudo: turns it on for this socket, then subscribes and acts as the page's account. */
  private restoreSudo(): void {
    const { page, state, connection } = this;
    this.sudoRestored = true;
    if (!page.sudo) return;
    connection.send(SUDO_ID, { case: "setSudo", value: { on: true } });
    const unseen = page.markets.filter((id) => !subscribedToBook(state, id));
    const subscriptions: SubscriptionRequest[] = unseen.map((id) => ({ stream: { case: "marketId", value: id } }));
    if (unseen.length > 0) connection.send("again", { case: "subscribe", value: { subscriptions } });
    if (!this.acts) connection.send("act as", { case: "actAs", value: { accountId: page.account } });
  }

  private noteFills(notices: readonly Notice[]): void {
    const { account, market } = this.page;
    for (const notice of notices) {
      if (notice.kind !== "fills" || notice.accountId !== account) continue;
      this.ownTrades.push(...notice.fills.filter((fill) => fill.marketId === market?.id).map((fill) => fill.tradeId));
    }
    this.ownTrades = this.ownTrades.slice(-TRADES_KEPT); // the tape shows no more
  }

  private receive(messages: readonly ServerMessage[]): void {
    const notices = applyFrame(this.state, messages);
    if (messages.some(({ requestId, message }) => requestId === SUDO_ID && message.case === "refused")) {
      endSwitch(this.state);
    }
    this.definedMarkets = null;
    this.noteFills(notices);
    this.requests.answer(messages);
    if (notices.some((notice) => notice.kind === "account lost")) {
      this.connection.loseAccount();
      return;
    }
    if (notices.some((notice) => notice.kind === "ready")) {
      this.everLive = true;
      if (!this.sudoRestored) this.restoreSudo();
      if (this.acts) this.requests.resume();
    }
    const [gap] = this.state.gaps;
    if (notices.some((notice) => notice.kind === "gap" || notice.kind === "synced"))
      this.connection.setGap(gap ?? null);
    if (notices.length > 0) this.listener.onNotices(notices);
    this.listener.onChange();
  }
}
