/** A client of Janus's own, as its demos are: publishes camera and microphone, shows every publisher, hears the audiobridge. Nothing of the gateway is in it. */
globalThis.janusClient = async ({ url, room }) => {
  const socket = new WebSocket(url, "janus-protocol");
  const waiting = new Map();
  const handlers = new Map();
  let count = 0;
  let session;
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("no Janus"));
  });
  const ask = (body) =>
    new Promise((resolve) => {
      const transaction = String(++count);
      waiting.set(transaction, resolve);
      socket.send(JSON.stringify({ ...body, transaction, ...(session ? { session_id: session } : {}) }));
    });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.janus === "ack") return;
    const resolve = waiting.get(message.transaction);
    if (resolve) {
      waiting.delete(message.transaction);
      resolve(message);
    } else handlers.get(message.sender)?.(message.plugindata?.data ?? {}, message.jsep);
  };
  session = (await ask({ janus: "create" })).data.id;
  const attach = async (plugin) => (await ask({ janus: "attach", plugin })).data.id;
  const message = (handle, body, jsep) => ask({ janus: "message", handle_id: handle, body, ...(jsep ? { jsep } : {}) });

  /** ICE gathers everything first: no trickling to tell. */
  const peer = () => {
    const connection = new RTCPeerConnection();
    connection.gathered = () =>
      new Promise((resolve) => {
        if (connection.iceGatheringState === "complete") resolve();
        connection.addEventListener("icegatheringstatechange", () => connection.iceGatheringState === "complete" && resolve());
      });
    return connection;
  };
  // a tone that does not change is noise to a browser, which it takes away after a while
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const media = await navigator.mediaDevices.getUserMedia({ audio, video: { width: 640, height: 360 } });

  /** Lets the microphone be heard, or silence. */
  globalThis.janusSpeaks = (on) => {
    for (const track of media.getAudioTracks()) track.enabled = on;
  };

  async function subscribe(feed, name) {
    const handle = await attach("janus.plugin.videoroom");
    const { jsep } = await message(handle, { request: "join", ptype: "subscriber", room, streams: [{ feed }] });
    const connection = peer();
    connection.ontrack = ({ track }) => {
      const film = Object.assign(document.createElement("video"), { autoplay: true, muted: true, playsInline: true });
      film.dataset.name = name;
      film.srcObject = new MediaStream([track]);
      document.body.append(film);
    };
    await connection.setRemoteDescription(jsep);
    await connection.setLocalDescription(await connection.createAnswer());
    await connection.gathered();
    await message(handle, { request: "start" }, connection.localDescription);
  }
  const see = (publishers = []) => {
    for (const { id, display, streams } of publishers) if (streams?.some(({ type }) => type === "video")) void subscribe(id, display);
  };

  const camera = await attach("janus.plugin.videoroom");
  handlers.set(camera, (data) => see(data.publishers));
  const joined = await message(camera, { request: "join", ptype: "publisher", room, display: "Janus client" });
  see(joined.plugindata.data.publishers);
  const up = peer();
  for (const track of media.getVideoTracks()) up.addTrack(track, media);
  await up.setLocalDescription(await up.createOffer());
  await up.gathered();
  const published = await message(camera, { request: "publish" }, up.localDescription);
  await up.setRemoteDescription(published.jsep);

  const voice = await attach("janus.plugin.audiobridge");
  await message(voice, { request: "join", room, display: "Janus client" });
  const sound = peer();
  for (const track of media.getAudioTracks()) sound.addTrack(track, media);
  sound.ontrack = ({ streams: [stream] }) => {
    const player = Object.assign(document.createElement("audio"), { id: "sound", autoplay: true });
    player.srcObject = stream;
    document.body.append(player);
  };
  await sound.setLocalDescription(await sound.createOffer());
  await sound.gathered();
  const spoken = await message(voice, { request: "configure", muted: false }, sound.localDescription);
  await sound.setRemoteDescription(spoken.jsep);
};

/** Average colour of the middle of what a publisher shows; null while there is no picture. */
globalThis.janusSees = (name) => {
  const film = [...document.querySelectorAll("video")].find((one) => one.dataset.name === name);
  if (!film?.videoWidth) return null;
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d");
  context.drawImage(film, film.videoWidth * 0.4, film.videoHeight * 0.4, film.videoWidth * 0.2, film.videoHeight * 0.2, 0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  const strongest = Math.max(r, g, b);
  return strongest < 90 ? null : strongest === r ? "red" : strongest === g ? "green" : "blue";
};
