// The page's one connection, what is known through it, and what can be asked.
import { Connection, FRAMES_PER_SECOND, type Light, type World } from "./connection";
import type { Request } from "./frames";
import type { Side } from "./gen/proto/exchange_pb";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CreateOrderSchema, ServerMessage } from "./gen/proto/exchange_pb";
import type { Page } from "./page";
import { newKey, Requests, type Answer } from "./requests";
import {
  accountStream,
  applyFrame,
  marketStream,
  newState,
  resumeFrom,
  type Happening,
  type Slice,
  type State,
} from "./store";

export interface DeskListener {
  light(light: Light): void;
  changed(): void;
  happened(happenings: readonly Happening[]): void;
}

export type NewOrder = Omit<MessageInitShape<typeof CreateOrderSchema>, "clientOrderId" | "$typeName" | "$unknown">;

export class Desk {
  readonly state: State = newState();
  readonly connection: Connection;
  readonly requests: Requests;
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

  market(id: bigint): Slice | undefined {
    return this.state.slices.get(marketStream(id));
  }

  accountName = (id: bigint): string => this.state.slices.get("public")?.accounts.get(id)?.name ?? `account ${id}`;
  marketName = (id: bigint): string => this.state.slices.get("public")?.markets.get(id)?.name ?? `market ${id}`;

  place(order: NewOrder): Promise<Answer> {
    return this.requests.ask({ case: "createOrder", value: { ...order, clientOrderId: newKey() } });
  }

  cancel(orderId: bigint): Promise<Answer> {
    return this.requests.ask({ case: "cancelOrder", value: { orderId, key: newKey() } });
  }

  /** marketId 0: everywhere; side 0: both. */
  out(marketId: bigint, side: Side): Promise<Answer> {
    return this.requests.ask({ case: "out", value: { marketId, side, key: newKey() } });
  }

  private hello(): Request {
    const resume = resumeFrom(this.state);
    const subscriptions = this.page.markets.map((id) => ({
      stream: { case: "marketId" as const, value: id },
      fromSeq: (resume && this.state.standing.get(marketStream(id))) ?? 0n,
    }));
    const { epoch, fromSeq } = resume ?? { epoch: 0n, fromSeq: 0n };
    const value = { actAs: this.page.account, framesPerSecond: FRAMES_PER_SECOND, subscriptions, epoch, fromSeq };
    return { case: "authenticate", value };
  }

  private frame(messages: readonly ServerMessage[]): void {
    const happenings = applyFrame(this.state, messages);
    this.requests.answer(messages);
    if (happenings.some((what) => what.kind === "put back")) {
      this.connection.loseAccount();
      return;
    }
    if (happenings.some((what) => what.kind === "ready")) {
      this.everLive = true;
      this.requests.resume();
    }
    const [gap] = this.state.gaps;
    if (happenings.some((what) => what.kind === "gap" || what.kind === "whole")) this.connection.missing(gap ?? null);
    if (happenings.length > 0) this.listener.happened(happenings);
    this.listener.changed();
  }
}
