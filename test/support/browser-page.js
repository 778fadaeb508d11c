const opened = [];
const UNPROCESSED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
for (const name of ["getUserMedia", "getDisplayMedia"]) {
  const open = navigator.mediaDevices?.[name].bind(navigator.mediaDevices);
  if (!open) continue;
  navigator.mediaDevices[name] = async (wanted) => {
    // a tone that does not change is noise to a browser, which it takes away after a while
    const audio = typeof wanted?.audio === "object" ? { ...wanted.audio, ...UNPROCESSED } : wanted?.audio;
    const stream = await open(name === "getUserMedia" ? { ...wanted, audio } : wanted);
    opened.push(...stream.getTracks());
    return stream;
  };
}

/** In the meeting page of a test: listens to what it plays and looks at what it shows. */
globalThis.tests = {
  /** From now on this browser does not know a video codec: it never sees it offered. */
  without(codec) {
    const take = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
      const types = [...sdp.matchAll(new RegExp(`^a=rtpmap:(\\d+) ${codec}/`, "gm"))].map(([, one]) => one);
      const again = [...sdp.matchAll(/^a=fmtp:(\d+) apt=(\d+)/gm)].flatMap(([, one, of]) => (types.includes(of) ? [one] : []));
      const gone = new Set([...types, ...again]);
      const lines = sdp.split("\r\n").flatMap((line) => {
        if (gone.has(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /.exec(line)?.[1])) return [];
        if (!line.startsWith("m=video")) return [line];
        const [media, port, protocol, ...formats] = line.split(" ");
        return [[media, port, protocol, ...formats.filter((one) => !gone.has(one))].join(" ")];
      });
      return take.call(this, { type, sdp: lines.join("\r\n") });
    };
  },

  /** Devices that the page has opened and not let go. */
  devices: () => opened.filter(({ readyState }) => readyState === "live").map(({ kind }) => kind),

  /** Two seconds of what the meeting plays: which tones stand out of it. */
  async hears(candidates) {
    const context = new AudioContext({ sampleRate: 48_000 });
    await context.resume();
    const analyser = context.createAnalyser();
    analyser.fftSize = 16_384;
    analyser.smoothingTimeConstant = 0;
    context.createMediaStreamSource(document.getElementById("sound").srcObject).connect(analyser);
    const bins = new Float32Array(analyser.frequencyBinCount);
    const heard = new Map();
    for (let i = 0; i < 8; i++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      analyser.getFloatFrequencyData(bins);
      for (const tone of candidates) {
        const at = Math.round((tone * analyser.fftSize) / context.sampleRate);
        const peak = Math.max(...bins.subarray(at - 2, at + 3));
        const around = Math.max(...bins.subarray(at - 40, at - 20), ...bins.subarray(at + 20, at + 40));
        if (peak > -60 && peak - around > 15) heard.set(tone, (heard.get(tone) ?? 0) + 1);
      }
    }
    await context.close();
    return candidates.filter((tone) => (heard.get(tone) ?? 0) >= 4);
  },

  /** The colour in the middle of the tile whose caption begins with `name`; null where there is no picture. */
  sees(name) {
    const tile = [...document.querySelectorAll("#stage > li")].find((one) => one.querySelector(".caption")?.textContent.startsWith(name));
    const film = tile?.querySelector("video");
    if (!film?.videoWidth) return null;
    const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 16 });
    const context = canvas.getContext("2d");
    const { videoWidth: w, videoHeight: h } = film;
    context.drawImage(film, w * 0.4, h * 0.4, w * 0.2, h * 0.2, 0, 0, 16, 16);
    const [r, g, b] = context.getImageData(8, 8, 1, 1).data;
    if (r > 140 && g > 140 && b < 120) return "yellow";
    const strongest = Math.max(r, g, b);
    return strongest < 90 ? null : strongest === r ? "red" : strongest === g ? "green" : "blue";
  },
};
