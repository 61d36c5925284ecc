// Names of streams: public, account.<id>, market.<id>, and its forms market.<id>.unmasked (the book with the account ids
// that the market hides, heard in sudo) and market.<id>.summary.
const UNMASKED = ".unmasked";

export const accountStream = (id: bigint): string => `account.${id}`;
export const marketStream = (id: bigint): string => `market.${id}`;
export const summaryStream = (id: bigint): string => `market.${id}.summary`;

export const isAccount = (stream: string): boolean => stream.startsWith("account.");
export const isSummary = (stream: string): boolean => /^market\.\d+\.summary$/.test(stream);
export const isBook = (stream: string): boolean => /^market\.\d+(\.unmasked)?$/.test(stream);

/** The same book with or without hidden account ids; null if the stream is no book's. */
export function otherForm(stream: string): string | null {
  if (!isBook(stream)) return null;
  return stream.endsWith(UNMASKED) ? stream.slice(0, -UNMASKED.length) : stream + UNMASKED;
}

/** Of a market's stream, whatever its form. */
export const marketOf = (stream: string): bigint => BigInt(stream.split(".")[1] ?? "0");
