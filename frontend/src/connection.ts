// One socket that reconnects: it authenticates, receives frames, detects silence and gaps, and retries with jitter.

import { waitMs } from "./backoff";
import { decode, encode, type Request } from "./frames";
import { Reason, type ServerMessage } from "./gen/proto/exchange_pb";

export const FRAMES_PER_SECOND = 60;
export const SILENCE_MS_MAX = 15_000; // the server sends something at least every 5 s
export const STALE_MS = 10_000; // without UpToDate for this long, what the page shows may be old
export const STEADY_MS = 5_000; // a connection that lasted this long resets the count of failures
export const GAP_MS_MAX = 10_000; // if no snapshot fills a gap within this time, reconnect
const CHECK_EVERY_MS = 1_000;
const SIGNED_OUT_CODE = 4001; // not signed in, or no longer
const AUTHENTICATE_ID = "authenticate";

export type ConnectionState =
  | { kind: "live" }
  | { kind: "resyncing" }
  | { kind: "not answering" }
  | { kind: "offline"; retryAtMs: number }
  | { kind: "signed out" }
  | { kind: "account lost" };

/** The part of WebSocket that is used; tests bring their own. */
export interface Socket {
  binaryType: BinaryType;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent<ArrayBuffer>) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** Clock, timers, randomness and network; tests bring their own. */
export interface World {
  openSocket(): Socket;
  nowMs(): number;
  random(): number;
  /** Runs it after `ms`; returns a function that cancels it. */
  later(run: () => void, ms: number): () => void;
}

export interface Listener {
  /** The Authenticate request to send now. */
  authenticate(): Request;
  onFrame(messages: readonly ServerMessage[]): void;
  onState(state: ConnectionState): void;
}

export class Connection {
  private socket: Socket | null = null;
  private failures = 0;
  private receivedAtMs = 0;
  private gapSinceMs: number | null = null;
  private ready = false;
  private readyAtMs = 0;
  private cancelTimer: (() => void) | null = null;
  private stale = false; // no UpToDate for STALE_MS
  private cancelStale: (() => void) | null = null;

  constructor(
    private readonly world: World,
    private readonly listener: Listener,
  ) {}

  get live(): boolean {
    return this.ready;
  }

  /** Opens the socket now, even during a wait. Does nothing if one is open. */
  connect(): void {
    if (this.socket) return;
    this.wait(null, 0);
    this.listener.onState({ kind: "resyncing" });
    const socket = this.world.openSocket();
    this.socket = socket;
    this.receivedAtMs = this.world.nowMs();
    this.gapSinceMs = null;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encode(AUTHENTICATE_ID, this.listener.authenticate()));
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.closed(event.code);
    this.watch();
  }

  /** Sends a request if the connection is live; returns whether it did. */
  send(requestId: string, message: Request): boolean {
    if (!this.ready || !this.socket) return false;
    this.socket.send(encode(requestId, message));
    return true;
  }

  /** Reports a stream with a gap, or null once there is none. */
  setGap(stream: string | null): void {
    this.gapSinceMs = stream === null ? null : (this.gapSinceMs ?? this.world.nowMs());
    this.report();
  }

  /** Tells the state of a ready connection. */
  private report(): void {
    if (!this.ready) return;
    if (this.stale) this.listener.onState({ kind: "not answering" });
    else this.listener.onState({ kind: this.gapSinceMs === null ? "live" : "resyncing" });
  }

  /** Begins to wait for the next UpToDate. */
  private noteUpToDate(): void {
    const wasStale = this.stale;
    this.stale = false;
    this.cancelStale?.();
    this.cancelStale = this.world.later(() => {
      this.stale = true;
      this.report();
    }, STALE_MS);
    if (wasStale) this.report();
  }

  private receive(data: ArrayBuffer): void {
    this.receivedAtMs = this.world.nowMs();
    let messages: ServerMessage[];
    try {
      messages = decode(data);
    } catch {
      this.drop(); // not our protocol: the rest cannot be trusted
      return;
    }
    if (messages.some((message) => refusesAuthenticate(message, Reason.ACCOUNT_NOT_FOUND))) {
      this.loseAccount();
      return;
    }
    if (messages.some((message) => refusesAuthenticate(message, Reason.NOT_AUTHENTICATED))) {
      this.end({ kind: "signed out" });
      return;
    }
    const wasReady = this.ready;
    if (messages.some((message) => message.message.case === "actingAs")) this.ready = true;
    const first = this.ready && !wasReady; // nothing is older than this connection's snapshots
    if (first || messages.some((message) => message.message.case === "upToDate")) this.noteUpToDate();
    this.listener.onFrame(messages);
    if (this.ready && !wasReady) {
      this.readyAtMs = this.receivedAtMs;
      this.report();
    }
  }

  private watch(): void {
    this.wait(() => {
      const now = this.world.nowMs();
      const silent = now - this.receivedAtMs > SILENCE_MS_MAX;
      const lost = this.gapSinceMs !== null && now - this.gapSinceMs > GAP_MS_MAX;
      if (silent || lost) this.drop();
      else this.watch();
    }, CHECK_EVERY_MS);
  }

  /** Gives up a dead socket and retries; its own close event may come much later or never. */
  private drop(): void {
    this.closed(0);
  }

  /** Ends the connection for good: the person may no longer act as the account that authenticate() names. */
  loseAccount(): void {
    this.end({ kind: "account lost" });
  }

  private end(state: ConnectionState): void {
    this.forget();
    this.wait(null, 0);
    this.listener.onState(state);
  }

  private forget(): void {
    const socket = this.socket;
    this.socket = null;
    this.ready = false;
    this.stale = false;
    this.cancelStale?.();
    this.cancelStale = null;
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
    this.listener.onState({ kind: "offline", retryAtMs: this.world.nowMs() + ms });
    this.wait(() => this.connect(), ms);
  }

  private wait(run: (() => void) | null, ms: number): void {
    this.cancelTimer?.();
    this.cancelTimer = run === null ? null : this.world.later(run, ms);
  }
}

function refusesAuthenticate({ requestId, message }: ServerMessage, code: Reason): boolean {
  return message.case === "refused" && requestId === AUTHENTICATE_ID && message.value.code === code;
}
