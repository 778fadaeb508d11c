/**
 * What every answer of the web port carries: nothing is loaded from elsewhere, nothing is framed, no types are guessed, no address is told to other sites, no
 * device may be used. The meeting page has a policy of its own for pictures and sound.
 */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), display-capture=(), geolocation=()",
};

/** RFC 6797, of answers over TLS: browsers come by TLS for a year. */
export const strictTransport: Readonly<Record<string, string>> = { "strict-transport-security": "max-age=31536000" };
