/** The application both engines serve: drachtio-srf answers every INVITE by `createUAS`. Arguments: host port secret. */
import Srf from "drachtio-srf";

const [host = "127.0.0.1", port = "9022", secret = "cymru"] = process.argv.slice(2);
const srf = new Srf();
const localSdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 39000 RTP/AVP 0\r\n";
srf.on("connect", () => process.send?.("ready"));
srf.on("error", (error: Error) => console.error(error.message));
srf.connect({ host, port: Number(port), secret });
srf.invite((request, response) => {
  srf
    .createUAS(request, response, { localSdp })
    .then((dialog) => dialog.on("destroy", () => {}))
    .catch((error: unknown) => console.error(String(error)));
});
