// One socket that comes back: authenticate, hear everything, notice silence, wait with jitter, resume.
import { waitMs } from "./backoff";
import { decode, encode, type Request } from "./frames";
import { Reason, type ServerMessage } from "./gen/proto/exchange_pb";

export const FRAMES_PER_SECOND = 60;
export const SILENCE_MS_MAX = 15_000; // the server speaks every 5 s at least
export const STEADY_MS = 5_000; // a connection that held for so long makes up for failures before it
export const GAP_MS_MAX = 10_000; // a missed stream gets its snapshot sooner, or we start anew
const CHECK_EVERY_MS = 1_000;
const SIGNED_OUT_CODE = 4001; // never signed in, or no longer
const AUTHENTICATE_ID = "authenticate";

export type Light =
  | { kind: "live" }
  | { kind: "resyncing" }
  | { kind: "offline"; retryAtMs: number }
  | { kind: "signed out" }
  | { kind: "account lost" };

/** What a browser's WebSocket is, and a test's. */
export interface Socket {
  binaryType: BinaryType;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent<ArrayBuffer>) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** Time, chance and the network, which tests bring along. */
export interface World {
  openSocket(): Socket;
  nowMs(): number;
  random(): number;
  /** Runs it later. Answers with what calls it off. */
  later(run: () => void, ms: number): () => void;
}

export interface Listener {
  /** What Authenticate asks for, at this moment. */
  hello(): Request;
  frame(messages: readonly ServerMessage[]): void;
  light(light: Light): void;
}

export class Connection {
  private socket: Socket | null = null;
  private failures = 0;
  private heardAtMs = 0;
  private gapSinceMs: number | null = null;
  private ready = false;
  private readyAtMs = 0;
  private cancelTimer: (() => void) | null = null;

  constructor(
    private readonly world: World,
    private readonly listener: Listener,
  ) {}

  get live(): boolean {
    return this.ready;
  }

  /** Opens the socket now, also in the middle of a wait; with a socket open it does nothing. */
  connect(): void {
    if (this.socket) return;
    this.wait(null, 0);
    this.listener.light({ kind: "resyncing" });
    const socket = this.world.openSocket();
    this.socket = socket;
    this.heardAtMs = this.world.nowMs();
    this.gapSinceMs = null;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encode(AUTHENTICATE_ID, this.listener.hello()));
    socket.onmessage = (event) => this.hear(event.data);
    socket.onclose = (event) => this.closed(event.code);
    this.watch();
  }

  /** Whether it went out; only a live connection takes anything. */
  send(requestId: string, message: Request): boolean {
    if (!this.ready || !this.socket) return false;
    this.socket.send(encode(requestId, message));
    return true;
  }

  /** The state missed something, or no longer does: null. */
  missing(stream: string | null): void {
    this.gapSinceMs = stream === null ? null : (this.gapSinceMs ?? this.world.nowMs());
    if (this.ready) this.listener.light({ kind: stream === null ? "live" : "resyncing" });
  }

  private hear(data: ArrayBuffer): void {
    this.heardAtMs = this.world.nowMs();
    let messages: ServerMessage[];
    try {
      messages = decode(data);
    } catch {
      this.drop(); // not our protocol: what follows would be guessed
      return;
    }
    if (messages.some((message) => refusesHello(message, Reason.ACCOUNT_NOT_FOUND))) {
      this.loseAccount();
      return;
    }
    if (messages.some((message) => refusesHello(message, Reason.NOT_AUTHENTICATED))) {
      this.end({ kind: "signed out" });
      return;
    }
    const wasReady = this.ready;
    if (messages.some((message) => message.message.case === "actingAs")) this.ready = true;
    this.listener.frame(messages);
    if (this.ready && !wasReady) {
      this.readyAtMs = this.heardAtMs;
      this.listener.light({ kind: "live" });
    }
  }

  private watch(): void {
    this.wait(() => {
      const now = this.world.nowMs();
      const silent = now - this.heardAtMs > SILENCE_MS_MAX;
      const lost = this.gapSinceMs !== null && now - this.gapSinceMs > GAP_MS_MAX;
      if (silent || lost) this.drop();
      else this.watch();
    }, CHECK_EVERY_MS);
  }

  /** Lets go of a socket that is of no use; its own close may come much later or never. */
  private drop(): void {
    this.closed(0);
  }

  /** The account that hello() names is no longer ours: there is nothing to come back to. */
  loseAccount(): void {
    this.end({ kind: "account lost" });
  }

  private end(light: Light): void {
    this.forget();
    this.wait(null, 0);
    this.listener.light(light);
  }

  private forget(): void {
    const socket = this.socket;
    this.socket = null;
    this.ready = false;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private closed(code: number): void {
    if (code === SIGNED_OUT_CODE) {
      this.end({ kind: "signed out" });
      return;
    }
    if (this.ready && this.world.nowMs() - this.readyAtMs >= STEADY_MS) this.failures = 0;
    this.forget();
    this.retry(code);
  }

  private retry(code: number): void {
    const ms = waitMs(code, this.failures, this.world.random);
    this.failures += 1;
    this.listener.light({ kind: "offline", retryAtMs: this.world.nowMs() + ms });
    this.wait(() => this.connect(), ms);
  }

  private wait(run: (() => void) | null, ms: number): void {
    this.cancelTimer?.();
    this.cancelTimer = run === null ? null : this.world.later(run, ms);
  }
}

function refusesHello({ requestId, message }: ServerMessage, code: Reason): boolean {
  return message.case === "refused" && requestId === AUTHENTICATE_ID && message.value.code === code;
}
