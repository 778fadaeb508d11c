/** The meeting page: what is served, where, and how. */
export const meetingPages = {
  folder: new URL("./page/", import.meta.url),
  path: "/meeting",
  /** Scripts and styles of our own only; pictures and sound of the meeting are streams of the page itself. */
  headers: {
    "content-security-policy":
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob: mediastream:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), geolocation=()",
  },
};
