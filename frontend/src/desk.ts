// The page's one connection, what is known through it, and what can be asked.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Connection, FRAMES_PER_SECOND, type Light, type World } from "./connection";
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
import { type Answer, newKey, Requests } from "./requests";
import { type Notice, type Slice, TRADES_KEPT } from "./slice";
import {
  applyFrame,
  bookSlice,
  complete,
  definitions,
  hearsBook,
  newState,
  resume,
  type State,
  switched,
} from "./store";
import { accountStream, marketStream, summaryStream } from "./streams";

const SUDO_ID = "sudo"; // request id of what turns it on

export interface DeskListener {
  light(light: Light): void;
  changed(): void;
  happened(notices: readonly Notice[]): void;
}

type Wish = MessageInitShape<typeof SubscriptionSchema>;

export type NewOrder = Omit<MessageInitShape<typeof CreateOrderSchema>, "clientOrderId" | "$typeName" | "$unknown">;

export class Desk {
  readonly state: State = newState();
  readonly connection: Connection;
  readonly requests: Requests;
  private defined: Map<bigint, Market> | null = null; // since the last frame
  private ownTrades: bigint[] = []; // of the page's account in the page's market, told as fills; the oldest first
  private greeted = false; // this connection is ready, and what has to follow at once was said
  everLive = false; // else sockets may be blocked on the way, and forms post as without scripts

  constructor(
    readonly page: Page,
    world: World,
    private readonly listener: DeskListener,
  ) {
    this.connection = new Connection(world, {
      hello: () => this.hello(),
      frame: (messages) => this.frame(messages),
      light: (light) => listener.light(light),
    });
    this.requests = new Requests(
      (requestId, message) => this.connection.send(requestId, message),
      () => world.nowMs(),
    );
  }

  /** The acting account, once its snapshot is here. */
  get account(): Slice | undefined {
    return this.state.slices.get(accountStream(this.page.account));
  }

  /** Its book, in the form that is heard. */
  market(id: bigint): Slice | undefined {
    return bookSlice(this.state, id);
  }

  /** Every market that we know of, by id; null while some may not have been told yet. */
  get markets(): Map<bigint, Market> | null {
    return complete(this.state) ? this.definitions : null;
  }

  definition(id: bigint): Market | undefined {
    return this.definitions.get(id);
  }

  private get definitions(): Map<bigint, Market> {
    this.defined ??= definitions(this.state);
    return this.defined;
  }

  summary(id: bigint): MarketSummary | undefined {
    return this.state.slices.get(summaryStream(id))?.summary ?? undefined;
  }

  /** Whether the page's account traded there. A market that hides account ids does not say so; our fills do. */
  isOwn(trade: Trade): boolean {
    const { account } = this.page;
    return this.ownTrades.includes(trade.id) || trade.buyerId === account || trade.sellerId === account;
  }

  accountName = (id: bigint): string => this.state.slices.get("public")?.accounts.get(id)?.name ?? `account ${id}`;
  marketName = (id: bigint): string => this.definition(id)?.name ?? `market ${id}`;

  place(order: NewOrder): Promise<Answer> {
    return this.command({ case: "createOrder", value: { ...order, clientOrderId: newKey() } });
  }

  cancel(orderId: bigint): Promise<Answer> {
    return this.command({ case: "cancelOrder", value: { orderId, key: newKey() } });
  }

  /** marketId 0: everywhere; side 0: both. */
  out(marketId: bigint, side: Side): Promise<Answer> {
    return this.command({ case: "out", value: { marketId, side, key: newKey() } });
  }

  /** In the name of the page's account, or not at all. */
  private command(message: Request): Promise<Answer> {
    return this.acts ? this.requests.ask(message) : Promise.resolve({ kind: "unsent" });
  }

  private get acts(): boolean {
    return this.state.actingAs === this.page.account;
  }

  private hello(): Request {
    const { page, state } = this;
    const resumed = resume(state);
    this.greeted = false;
    state.switching = page.sudo;
    const named = page.markets.filter((id) => page.sudo || !state.lost.has(id));
    const subscriptions: Wish[] = named.map((id) => ({
      stream: { case: "marketId", value: id },
      fromSeq: (resumed && state.standing.get(marketStream(id))) ?? 0n,
    }));
    // Never resumed: a line is all that there is to say.
    if (page.summaries) subscriptions.push({ stream: { case: "marketSummary", value: true } });
    const { epoch, fromSeq } = resumed ?? { epoch: 0n, fromSeq: 0n };
    const actAs = page.sudo ? 0n : page.account; // without sudo it may be nobody's to act as
    const value = { actAs, framesPerSecond: FRAMES_PER_SECOND, subscriptions, epoch, fromSeq };
    return { case: "authenticate", value };
  }

  /** What follows Authenticate at once, where the browser is in sudo; the exchange does one after the other. */
  private greet(): void {
    const { page, state, connection } = this;
    this.greeted = true;
    if (!page.sudo) return;
    connection.send(SUDO_ID, { case: "setSudo", value: { on: true } });
    const unseen = page.markets.filter((id) => !hearsBook(state, id));
    const subscriptions: Wish[] = unseen.map((id) => ({ stream: { case: "marketId", value: id } }));
    if (unseen.length > 0) connection.send("again", { case: "subscribe", value: { subscriptions } });
    if (!this.acts) connection.send("act as", { case: "actAs", value: { accountId: page.account } });
  }

  private noteFills(notices: readonly Notice[]): void {
    const { account, market } = this.page;
    for (const what of notices) {
      if (what.kind !== "fills" || what.accountId !== account) continue;
      this.ownTrades.push(...what.fills.filter((fill) => fill.marketId === market?.id).map((fill) => fill.tradeId));
    }
    this.ownTrades = this.ownTrades.slice(-TRADES_KEPT); // the tape shows no more
  }

  private frame(messages: readonly ServerMessage[]): void {
    const notices = applyFrame(this.state, messages);
    if (messages.some(({ requestId, message }) => requestId === SUDO_ID && message.case === "refused")) {
      switched(this.state);
    }
    this.defined = null;
    this.noteFills(notices);
    this.requests.answer(messages);
    if (notices.some((what) => what.kind === "put back")) {
      this.connection.loseAccount();
      return;
    }
    if (notices.some((what) => what.kind === "ready")) {
      this.everLive = true;
      if (!this.greeted) this.greet();
      if (this.acts) this.requests.resume();
    }
    const [gap] = this.state.gaps;
    if (notices.some((what) => what.kind === "gap" || what.kind === "whole")) this.connection.missing(gap ?? null);
    if (notices.length > 0) this.listener.happened(notices);
    this.listener.changed();
  }
}
