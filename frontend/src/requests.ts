// Requests that have no answer yet. After a lost connection a recent one is sent again with the same key; an older one is
// given up.

import type { Request } from "./frames";
import type { ServerMessage } from "./gen/proto/exchange_pb";

export const ANSWER_MS_MAX = 10_000;
export const RESEND_MS_MAX = 5_000; // the market may have moved since: report the outcome as unknown instead

/** "unsent": nothing was sent. "unknown": it may or may not have been executed. */
export type Answer = { kind: "answer"; message: ServerMessage } | { kind: "unsent" } | { kind: "unknown" };

interface Pending {
  message: Request;
  askedAtMs: number;
  resolve(answer: Answer): void;
}

export class Requests {
  private readonly pending = new Map<string, Pending>();
  private next = 1;

  constructor(
    private readonly send: (requestId: string, message: Request) => boolean,
    private readonly nowMs: () => number,
  ) {}

  /** `message` must carry an idempotency key, or be harmless if executed twice. */
  ask(message: Request): Promise<Answer> {
    const requestId = `r${this.next++}`;
    return new Promise((resolve) => {
      if (this.send(requestId, message)) this.pending.set(requestId, { message, askedAtMs: this.nowMs(), resolve });
      else resolve({ kind: "unsent" });
    });
  }

  answer(messages: readonly ServerMessage[]): void {
    for (const message of messages) this.settle(message.requestId, { kind: "answer", message });
  }

  /** The connection is back: sends recent requests again and gives up the rest. */
  resume(): void {
    this.expire(RESEND_MS_MAX);
    for (const [requestId, { message }] of this.pending) this.send(requestId, message);
  }

  /** Gives up requests older than `ms`. */
  expire(ms = ANSWER_MS_MAX): void {
    const now = this.nowMs();
    for (const [requestId, { askedAtMs }] of this.pending) {
      if (now - askedAtMs > ms) this.settle(requestId, { kind: "unknown" });
    }
  }

  private settle(requestId: string, answer: Answer): void {
    const pending = this.pending.get(requestId);
    if (!pending) return;
    this.pending.delete(requestId);
    pending.resolve(answer);
  }
}

/** An idempotency key of 128 random bits. crypto.randomUUID is missing without TLS. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
