import type { NtpTime } from "./types.ts";

const SECONDS_1900_TO_1970 = 2_208_988_800;

/** NTP time of a wall clock's milliseconds since 1970. Seconds wrap in 2036, as RFC 3550 section 4 allows. */
export function ntpFromWall(wallMs: number): NtpTime {
  const whole = Math.floor(wallMs / 1000);
  return { seconds: (whole + SECONDS_1900_TO_1970) >>> 0, fraction: Math.floor(((wallMs - whole * 1000) / 1000) * 2 ** 32) >>> 0 };
}

/** The middle 32 bits, in 1/65536 s: what LSR carries (RFC 3550 section 6.4.1). */
export function ntpMiddle(time: NtpTime): number {
  return (((time.seconds & 0xffff) << 16) | (time.fraction >>> 16)) >>> 0;
}

/**
 * Round trip in milliseconds from a report block that came at `now` (middle NTP bits): A - LSR - DLSR (RFC 3550 section 6.4.1).
 * Undefined when no SR was seen by the other side, or when its figures contradict the clock.
 */
export function roundTripMs(now: number, lastSr: number, delaySinceLastSr: number): number | undefined {
  if (lastSr === 0) return undefined;
  const units = (now - lastSr - delaySinceLastSr) | 0;
  return units < 0 ? undefined : (units * 1000) / 65536;
}
