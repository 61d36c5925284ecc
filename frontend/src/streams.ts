// Names of streams: public, account.<id>, market.<id> and market.<id>.summary. In sudo, the book of a market that hides
// account ids comes as market.<id>.unmasked instead of market.<id>.
const UNMASKED = ".unmasked";

export const accountStream = (id: bigint): string => `account.${id}`;
export const marketStream = (id: bigint): string => `market.${id}`;
export const summaryStream = (id: bigint): string => `market.${id}.summary`;

export const isAccount = (stream: string): boolean => stream.startsWith("account.");
export const isSummary = (stream: string): boolean => /^market\.\d+\.summary$/.test(stream);
export const isBook = (stream: string): boolean => /^market\.\d+(\.unmasked)?$/.test(stream);

/** The other form of a book's stream: masked for unmasked and back. null if the stream is not a book. */
export function otherForm(stream: string): string | null {
  if (!isBook(stream)) return null;
  return stream.endsWith(UNMASKED) ? stream.slice(0, -UNMASKED.length) : stream + UNMASKED;
}

/** The market id of any of a market's streams. */
export const marketOf = (stream: string): bigint => BigInt(stream.split(".")[1] ?? "0");
