/** How numbers, times and durations are written, in the language in use. */
import i18next from "i18next";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function unit(value: number, name: string, digits = 0): string {
  return new Intl.NumberFormat(i18next.language, {
    style: "unit",
    unit: name,
    unitDisplay: "narrow",
    maximumFractionDigits: digits,
  }).format(value);
}

/** A duration in the largest unit that leaves something to read: 840 ms, 12 s, 45 min, 3 h, 12 d. */
export function duration(seconds: number): string {
  if (seconds < 0.95) return unit(Math.round(seconds * 1000), "millisecond");
  if (seconds < 10) return unit(seconds, "second", 1);
  if (seconds < 90) return unit(Math.round(seconds), "second");
  if (seconds < 90 * MINUTE) return unit(Math.round(seconds / MINUTE), "minute");
  if (seconds < 48 * HOUR) return unit(Math.round(seconds / HOUR), "hour");
  return unit(Math.round(seconds / DAY), "day");
}

/** How long ago, or how long until: "3 hours ago", "in 5 minutes". */
export function ago(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1000;
  const relative = new Intl.RelativeTimeFormat(i18next.language, { numeric: "auto", style: "short" });
  const size = Math.abs(seconds);
  if (size < 45) return relative.format(0, "second");
  if (size < 90 * MINUTE) return relative.format(Math.round(seconds / MINUTE), "minute");
  if (size < 36 * HOUR) return relative.format(Math.round(seconds / HOUR), "hour");
  if (size < 60 * DAY) return relative.format(Math.round(seconds / DAY), "day");
  return relative.format(Math.round(seconds / DAY / 30), "month");
}

/** A moment in full, in the reader's zone. */
export function moment(at: string): string {
  return new Intl.DateTimeFormat(i18next.language, { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(at),
  );
}

/** A moment of a near day. */
export function shortMoment(at: string): string {
  return new Intl.DateTimeFormat(i18next.language, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(new Date(at));
}

export function count(value: number): string {
  return new Intl.NumberFormat(i18next.language).format(value);
}

/** Large numbers in three digits: 12.3K. */
export function brief(value: number): string {
  return new Intl.NumberFormat(i18next.language, { notation: "compact", maximumFractionDigits: 1 }).format(
    value,
  );
}

/** The first letters of somebody's names. */
export function initials(name: string): string {
  const parts = name.trim().split(/\s+/);
  const letters = parts.length > 1 ? [parts[0], parts.at(-1)] : [parts[0]];
  return letters.map((part) => part?.[0]?.toUpperCase() ?? "").join("");
}

/** A size in the largest unit of a thousand bytes that leaves something to read. */
export function bytes(value: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.min(units.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3));
  return unit(value / 1000 ** step, units[step] as string, step ? 1 : 0);
}
