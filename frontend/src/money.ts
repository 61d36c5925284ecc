// Amounts as text and back. Integers throughout (bigint): price and size in 1/100, cash in 1/10,000.
// accounts/money.py does the same in Python; both pass the cases of test/money_cases.json.

export const PRICE_DECIMALS = 2;
export const SIZE_DECIMALS = 2;
export const CASH_DECIMALS = 4;

const DIGITS_MAX = 17; // in a typed number; no amount of the exchange is longer

/** Units with `decimals` decimals as text with at least `shown` of them: fixed(10500n, 4, 2) is "1.05". */
function fixed(units: bigint, decimals: number, shown: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  const fraction = digits.slice(digits.length - decimals);
  let length = fraction.length;
  while (length > shown && fraction[length - 1] === "0") length -= 1;
  const sign = units < 0n ? "-" : "";
  return length > 0 ? `${sign}${whole}.${fraction.slice(0, length)}` : sign + whole;
}

/** "48.00" */
export const price = (units: bigint): string => fixed(units, PRICE_DECIMALS, 2);
/** "10", "2.5" */
export const size = (units: bigint): string => fixed(units, SIZE_DECIMALS, 0);
/** For columns: "1,000.00", "33.3334" */
export const cash = (units: bigint): string => fixed(units, CASH_DECIMALS, 2);
/** In a sentence: "1,000", "33.3334" */
export const chips = (units: bigint): string => fixed(units, CASH_DECIMALS, 0);

/** With a plus sign if positive: "+150.00". */
export const signedCash = (units: bigint): string => (units > 0n ? "+" : "") + cash(units);
export const signedSize = (units: bigint): string => (units > 0n ? "+" : "") + size(units);

// A typed number. The point and the comma are decimal marks, and spaces and apostrophes group; either mark groups where
// the other one, or its own repetition, shows it. Full-width characters count as their ASCII forms.
const TYPED = "０１２３４５６７８９．，＋－\u2212＇\u2019\t\u00a0\u2007\u2009\u202f\u3000";
const ALIKE = "0123456789.,+--''      ";
const PLAIN = /^([-+]?)(\d*)(?:([.,])(\d*))?$/;
const GROUPED = /^([-+]?)([1-9]\d{0,2}([ '.,])\d{3}(?:\3\d{3})*)(?:(?!\3)[.,](\d*))?$/;

/** A typed number in units, or why it is none: no number, two readings ("1,500"), too many decimals, too large. */
export function parse(text: string, decimals: number): bigint | string {
  const read = readNumber(text);
  if (typeof read === "string") return read;
  const { sign, whole, fraction } = read;
  if (fraction.length > decimals) return `Enter at most ${decimals} decimals.`;
  const digits = whole + fraction.padEnd(decimals, "0");
  if (digits.length > DIGITS_MAX) return "This number is too large.";
  return sign === "-" ? -BigInt(digits) : BigInt(digits);
}

/** Its parts without zeros that change nothing; a sentence if it is no number or has two readings. */
function readNumber(text: string): { sign: string; whole: string; fraction: string } | string {
  const typed = Array.from(text, (char) => ALIKE[TYPED.indexOf(char)] ?? char)
    .join("")
    .replace(/^ +| +$/g, "");
  const [, sign = "", whole = "", comma = "", fraction = ""] = PLAIN.exec(typed) ?? [];
  if (whole !== "" || fraction !== "") {
    const short = fraction.replace(/0+$/, "");
    if (comma === "," && /^[1-9]\d{0,2}$/.test(whole) && fraction.length === 3) {
      const readings = `${sign}${whole}${fraction} or ${sign}${whole}${short && "."}${short}`;
      return `Write ${readings}: “${typed}” can mean both.`;
    }
    return { sign, whole: whole.replace(/^0+/, ""), fraction: short };
  }
  const grouped = GROUPED.exec(typed);
  if (!grouped) return "Enter a number, like 1000.5.";
  const [, plus = "", groups = "", separator = "", rest = ""] = grouped;
  return { sign: plus, whole: groups.replaceAll(separator, ""), fraction: rest.replace(/0+$/, "") };
}

/** Division that rounds down, also for negative numbers. */
export function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return quotient * b !== a && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** cost / position in 1/10,000 chip, rounded half up (docs/rules.md, section 6); null when flat. */
export function averageEntry(cost: bigint, position: bigint): bigint | null {
  if (position === 0n) return null;
  const [value, held] = position < 0n ? [-cost, -position] : [cost, position];
  return floorDiv(value * 200n + held, held * 2n);
}

/** The price at which an open position is valued: the mid, else the last trade, else null. 1/100, rounded down. */
export function mark(bid: bigint | null, offer: bigint | null, last: bigint | null): bigint | null {
  return bid !== null && offer !== null ? floorDiv(bid + offer, 2n) : last;
}

/** Time of day in UTC: "14:03:22". */
export const clock = (us: bigint): string => iso(us).slice(11, 19);
/** Day and time in UTC: "2026-11-21 14:03". */
export const moment = (us: bigint): string => iso(us).slice(0, 16).replace("T", " ");

const iso = (us: bigint): string => new Date(Number(us / 1000n)).toISOString();
