/** Camera, microphone, loudspeaker and screen of this computer. */

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Why a device could not be had: a key of the strings' `deviceErrors`. */
export function deviceError(error) {
  if (!navigator.mediaDevices) return "insecure";
  return ["NotAllowedError", "NotFoundError", "NotReadableError", "OverconstrainedError"].includes(error?.name) ? error.name : "other";
}

/** A track of the device chosen, any where none is. Rejects as the browser does. */
export async function openMicrophone(deviceId) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { ...MICROPHONE, ...exact(deviceId) } });
  return stream.getAudioTracks()[0];
}

export async function openCamera(deviceId) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { ...CAMERA, ...exact(deviceId) } });
  const track = stream.getVideoTracks()[0];
  track.contentHint = "motion";
  return track;
}

/** A screen or a window, as the user chooses. */
export async function openScreen() {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { frameRate: { ideal: 15, max: 30 }, width: { max: 1920 }, height: { max: 1080 } },
  });
  const track = stream.getVideoTracks()[0];
  track.contentHint = "detail";
  return track;
}

function exact(deviceId) {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}

/** Fills a select with the devices of a kind (`audioinput`, `videoinput`, `audiooutput`); says how many there are. */
export async function listDevices(select, kind, label) {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const devices = all.filter((one) => one.kind === kind);
  const chosen = select.value;
  select.replaceChildren(
    ...devices.map(
      (device, index) => new Option(device.label || `${label} ${index + 1}`, device.deviceId, false, device.deviceId === chosen),
    ),
  );
  select.disabled = devices.length === 0;
  return devices.length;
}

/** Shows a microphone's level on a meter until the returned function is called. */
export function showLevel(track, meter) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const level = Math.max(0, 1 + Math.log10(Math.sqrt(sum / samples.length) + 1e-6) / 3);
    meter.value = level;
  }, 100);
  return () => {
    clearInterval(timer);
    meter.value = 0;
    context.close().catch(() => {});
  };
}
