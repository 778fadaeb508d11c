/** Key frames asked for by signalling: RFC 5168, `application/media_control+xml` in INFO. */

/** Content-Type of such a body. */
export const PICTURE_FAST_UPDATE = /^application\/media_control\+xml\b/i;

/** Whether a body asks for a whole picture. The schema's namespaces are not used in the field, so that the element's name decides. */
export function asksForPicture(body: string): boolean {
  return /<\s*(?:[A-Za-z_][\w.-]*:)?picture_fast_update(?=[\s/>])/.test(body.slice(0, 4096));
}

export function pictureFastUpdate(): string {
  return '<?xml version="1.0" encoding="utf-8"?>\r\n<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n';
}
