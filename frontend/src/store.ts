// What the page knows, built from snapshots and streams alone. No page, socket or clock in here: applyFrame(state,
// messages) changes the state it is given and says what happened. The rules are those of proto/exchange.proto.
import type { Authenticated, Market, ServerMessage } from "./gen/proto/exchange_pb";
import { applyToSlice, type Notice, Slice } from "./slice";
import { accountStream, isAccount, isBook, isSummary, marketOf, marketStream, otherForm } from "./streams";

export interface State {
  readonly slices: Map<string, Slice>;
  readonly standing: Map<string, bigint>; // stream -> the seq up to which it was heard
  readonly gaps: Set<string>; // streams that missed something and wait for their snapshot
  readonly stale: Set<string>; // known from before, and perhaps not heard any more
  readonly lost: Set<bigint>; // markets whose books the exchange ended by itself: one may not see them any more
  accountFloor: bigint | null; // where we stand on accounts' streams that we do not know, after resuming
  sudo: boolean;
  switching: boolean; // SetSudo is on its way: what ends may go on in another form
  opening: boolean; // not ready
  epoch: bigint;
  upTo: bigint; // everything was heard up to here, on all streams
  ownAccount: bigint;
  actingAs: bigint;
  draft: Slice | null; // a snapshot that has begun and not ended
  section: Slice | null; // whose messages follow in this frame
}

export function newState(): State {
  return {
    slices: new Map(),
    standing: new Map(),
    gaps: new Set(),
    stale: new Set(),
    lost: new Set(),
    accountFloor: null,
    sudo: false,
    switching: false,
    opening: true,
    epoch: 0n,
    upTo: 0n,
    ownAccount: 0n,
    actingAs: 0n,
    draft: null,
    section: null,
  };
}

/** Every market that a stream tells of, by id: the newest definition; of two as new, the one beside the book. */
export function definitions(state: State): Map<bigint, Market> {
  const newest = new Map<bigint, Market>();
  const told = new Map<bigint, bigint>(); // market -> the seq of that definition
  for (const slice of state.slices.values()) {
    for (const [id, market] of slice.markets) {
      const [at, before] = [slice.definedAt.get(id) ?? 0n, told.get(id)];
      if (before !== undefined && (at < before || (at === before && !isBook(slice.stream)))) continue;
      newest.set(id, market);
      told.set(id, at);
    }
  }
  return newest;
}

/** Whether everything that this connection begins with is here. */
export function complete(state: State): boolean {
  return !state.opening && !state.switching;
}

/** The slice of a market's book, in the form that is heard. */
export function bookSlice(state: State, id: bigint): Slice | undefined {
  const plain = marketStream(id);
  return state.slices.get(plain) ?? state.slices.get(otherForm(plain) ?? plain);
}

/** Whether a market's book is heard now, in either form. */
export function hearsBook(state: State, id: bigint): boolean {
  const slice = bookSlice(state, id);
  return slice !== undefined && !state.stale.has(slice.stream);
}

/** A frame's messages in their order; a section ends with its frame at the latest. */
export function applyFrame(state: State, messages: readonly ServerMessage[]): Notice[] {
  const happened = messages.flatMap((message) => applyMessage(state, message));
  state.section = null;
  return happened;
}

export function applyMessage(state: State, message: ServerMessage): Notice[] {
  const control = applyControl(state, message);
  if (control) return control;
  // A reply resolves its request and changes no state; it also ends a section.
  if (message.requestId !== "") {
    state.section = null;
    return [];
  }
  if (state.section) {
    meetAccount(state, message);
    return applyToSlice(state.section, message);
  }
  if (state.draft) applyToSlice(state.draft, message);
  return [];
}

/** Messages about the connection and the streams themselves; null for all others. */
function applyControl(state: State, { requestId, message }: ServerMessage): Notice[] | null {
  switch (message.case) {
    case "authenticated":
      authenticated(state, message.value);
      return [];
    case "unsubscribed":
      for (const stream of message.value.streams) unsubscribed(state, stream, requestId !== "");
      state.section = null;
      return [];
    case "actingAs":
      state.actingAs = message.value.accountId;
      state.section = null;
      if (state.opening && !state.switching) dropStale(state);
      state.opening = false;
      return [{ kind: requestId === "" ? "put back" : "ready" }];
    case "sudoSet":
      state.sudo = message.value.on;
      switched(state);
      return [];
    case "streamPosition":
      return position(state, message.value.stream, message.value.prevSeq, message.value.seq);
    case "snapshotBegin":
      state.section = null;
      state.draft = new Slice(message.value.stream);
      return [];
    case "snapshotEnd":
      return snapshotEnd(state, message.value.stream, message.value.seq);
    case "upToDate":
      upToDate(state, message.value.seq, message.value.epoch);
      return [];
    default:
      return null;
  }
}

/** In another epoch, or if other accounts are ours, everything comes anew; what does not come is gone. */
function authenticated(state: State, value: Authenticated): void {
  state.section = null; // of a socket that is no more
  state.draft = null;
  state.ownAccount = value.accountId;
  state.opening = true;
  if (value.anew || value.epoch !== state.epoch) startAnew(state);
  state.epoch = value.epoch;
}

function startAnew(state: State): void {
  state.accountFloor = null;
  for (const stream of state.slices.keys()) state.stale.add(stream);
}

/** In sudo one may hear everything, so a book that ends by itself goes on in its other form. */
function unsubscribed(state: State, stream: string, asked: boolean): void {
  if (asked) forget(state, stream);
  else if (isBook(stream) && state.slices.has(stream) && (state.sudo || state.switching)) state.stale.add(stream);
  else lose(state, stream);
}

/** SetSudo is answered, in whatever way, or sudo has ended by itself. */
export function switched(state: State): void {
  state.switching = false;
  if (!state.opening) dropStale(state);
}

function dropStale(state: State): void {
  for (const stream of [...state.stale]) lose(state, stream);
}

function lose(state: State, stream: string): void {
  forget(state, stream);
  if (isBook(stream) && !bookSlice(state, marketOf(stream))) state.lost.add(marketOf(stream));
}

function forget(state: State, stream: string): void {
  state.slices.delete(stream);
  state.standing.delete(stream);
  state.gaps.delete(stream);
  state.stale.delete(stream);
}

/** A new account of ours: its stream is ours too and begins here, whether or not a snapshot of it comes as well. */
function meetAccount(state: State, { message }: ServerMessage): void {
  if (message.case !== "accountCreated" || message.value.owners.length === 0 || !state.section) return;
  const { account } = message.value;
  if (!account || state.slices.has(accountStream(account.id))) return;
  begin(state, accountStream(account.id), state.section.seq).accounts.set(account.id, account);
}

function begin(state: State, stream: string, seq: bigint): Slice {
  const slice = new Slice(stream, seq);
  state.slices.set(stream, slice);
  state.standing.set(stream, seq);
  return slice;
}

function position(state: State, stream: string, prevSeq: bigint, seq: bigint): Notice[] {
  state.section = null;
  const known = state.slices.has(stream);
  if (!known && isBook(stream) && hearsBook(state, marketOf(stream))) return []; // it goes on in its other form
  // A stream that we do not know stands at its beginning: a first piece with nothing before it tells all of it.
  const at = state.standing.get(stream) ?? (isAccount(stream) ? state.accountFloor : null) ?? 0n;
  if (seq <= at) return [];
  if (prevSeq > at) {
    if (state.gaps.has(stream) || !known) return [];
    state.gaps.add(stream);
    return [{ kind: "gap", stream }];
  }
  state.section = state.slices.get(stream) ?? begin(state, stream, seq);
  state.section.seq = seq;
  state.standing.set(stream, seq);
  return state.gaps.delete(stream) ? [{ kind: "whole", stream }] : [];
}

function snapshotEnd(state: State, stream: string, seq: bigint): Notice[] {
  state.section = null;
  const { draft } = state;
  if (draft?.stream !== stream) return [];
  const other = otherForm(stream);
  if (other !== null) {
    forget(state, other); // one form of a book at a time
    state.lost.delete(marketOf(stream));
  }
  forget(state, stream);
  draft.seq = seq;
  for (const id of draft.markets.keys()) draft.definedAt.set(id, seq);
  state.slices.set(stream, draft);
  state.standing.set(stream, seq);
  state.draft = null;
  return [{ kind: "whole", stream }];
}

function upToDate(state: State, seq: bigint, epoch: bigint): void {
  state.section = null;
  if (!state.opening && !state.switching) dropStale(state);
  state.epoch = epoch;
  if (seq > state.upTo) state.upTo = seq;
  for (const [stream, at] of state.standing) {
    // A summary's line is told up to 0.25 s after its command.
    if (at < seq && !state.gaps.has(stream) && !isSummary(stream)) state.standing.set(stream, seq);
  }
}

/** Begins a connection: what Authenticate says to resume; null if all must come anew, because something is missing or
 * was heard in sudo, which no connection is in at first. */
export function resume(state: State): { epoch: bigint; fromSeq: bigint } | null {
  const whole = state.upTo > 0n && state.gaps.size === 0 && state.stale.size === 0;
  const resumes = whole && !state.sudo && !state.switching;
  state.sudo = false;
  state.switching = false;
  state.opening = true;
  state.accountFloor = resumes ? state.upTo : null;
  if (resumes) return { epoch: state.epoch, fromSeq: state.upTo };
  startAnew(state);
  return null;
}
