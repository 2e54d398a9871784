/** Sounds: the wave and the spectrogram of a file with a player, and the microphone, a second at a time. */

import { form, post } from "./api.js";
import { byId, make, percent, say } from "./dom.js";

const WIDTH = 560;
const [WAVE, BANDS] = [60, 96];
const FRAME = 1024;
const RATE = 16000;
const HOP_MS = 1000;
const KEPT = 40;
/** What is made for calls takes whistles and crowds for noise, and removes them. */
const UNCHANGED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** The player of a file, under its wave and its spectrogram; a file the browser cannot read has its name alone. */
export function heard(file) {
  const canvas = make("canvas", { class: "shown", role: "img", "aria-label": `Wave and spectrogram of ${file.name}`, width: WIDTH, height: WAVE + BANDS });
  const player = make("audio", { controls: true, preload: "metadata", src: URL.createObjectURL(file) });
  samplesOf(file)
    .then((samples) => draw(canvas, samples))
    .catch(() => canvas.remove());
  player.ontimeupdate = () => canvas.style.setProperty("--at", `${(100 * player.currentTime) / (player.duration || 1)}%`);
  return make("div", { class: "heard" }, make("div", { class: "drawn" }, canvas), player);
}

/** Samples of the first channel at 16 kHz, -1 to 1. */
async function samplesOf(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  return (await context.decodeAudioData(await file.arrayBuffer())).getChannelData(0);
}

function draw(canvas, samples) {
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  pen.fillStyle = style.getPropertyValue("--good").trim() || "#0f7f57";
  const each = samples.length / WIDTH;
  for (let x = 0; x < WIDTH; x++) {
    let [low, high] = [0, 0];
    for (let at = Math.floor(x * each); at < (x + 1) * each && at < samples.length; at++) {
      low = Math.min(low, samples[at]);
      high = Math.max(high, samples[at]);
    }
    pen.fillRect(x, ((1 - high) * WAVE) / 2, 1, Math.max(1, ((high - low) * WAVE) / 2));
  }
  spectrogram(pen, samples, each);
}

/** Decibels below the loudest, 0 to 80, by frequency (upwards, 0 to 8 kHz) and time. */
function spectrogram(pen, samples, each) {
  const powers = [];
  let loudest = 1e-12;
  for (let x = 0; x < WIDTH; x++) {
    const column = bandsOf(samples, Math.floor((x + 0.5) * each) - FRAME / 2);
    loudest = Math.max(loudest, ...column);
    powers.push(column);
  }
  const image = pen.createImageData(WIDTH, BANDS);
  powers.forEach((column, x) => {
    column.forEach((power, band) => {
      const level = Math.max(0, 1 + Math.log10(power / loudest + 1e-12) / 8);
      const place = 4 * ((BANDS - 1 - band) * WIDTH + x);
      image.data.set([255 * level, 90 + 120 * level * level, 60 + 60 * (1 - level), 255 * Math.min(1, 0.15 + level)], place);
    });
  });
  pen.putImageData(image, 0, WAVE);
}

/** Power of each band of the frame that begins at `start`. */
function bandsOf(samples, start) {
  const real = new Float64Array(FRAME);
  const imaginary = new Float64Array(FRAME);
  for (let n = 0; n < FRAME; n++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / FRAME);
    real[n] = window * (samples[start + n] ?? 0);
  }
  transform(real, imaginary);
  const wide = FRAME / 2 / BANDS;
  return Array.from({ length: BANDS }, (_, band) => {
    let power = 0;
    for (let bin = Math.floor(band * wide); bin < (band + 1) * wide; bin++) power += real[bin] ** 2 + imaginary[bin] ** 2;
    return power;
  });
}

/** Fourier transform in place, of a power of two. */
function transform(real, imaginary) {
  const size = real.length;
  for (let from = 1, to = 0; from < size; from++) {
    let bit = size >> 1;
    for (; to & bit; bit >>= 1) to ^= bit;
    to ^= bit;
    if (from < to) {
      [real[from], real[to]] = [real[to], real[from]];
      [imaginary[from], imaginary[to]] = [imaginary[to], imaginary[from]];
    }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const step = (-2 * Math.PI) / length;
    for (let begin = 0; begin < size; begin += length) {
      for (let k = 0; k < length / 2; k++) {
        const [cosine, sine] = [Math.cos(step * k), Math.sin(step * k)];
        const [a, b] = [begin + k, begin + k + length / 2];
        const [x, y] = [real[b] * cosine - imaginary[b] * sine, real[b] * sine + imaginary[b] * cosine];
        [real[b], imaginary[b]] = [real[a] - x, imaginary[a] - y];
        real[a] += x;
        imaginary[a] += y;
      }
    }
  }
}

let listening = null;

/** The button that listens to the microphone for the model that `chosen` gives. */
export function openMicrophone(chosen) {
  const button = byId("listen-go");
  button.onclick = async () => {
    if (listening) return stopListening();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: UNCHANGED });
      listening = { stream, begin: performance.now(), model: chosen() };
      byId("listen-log").replaceChildren();
      button.textContent = "Stop listening";
      hop(listening);
    } catch (error) {
      say(byId("listen-said"), `The microphone cannot be used: ${error.message}`, true);
    }
  };
}

/** End what runs; also called where another model is chosen. */
export function stopListening() {
  if (!listening) return;
  listening.stream.getTracks().forEach((track) => track.stop());
  listening = null;
  byId("listen-go").textContent = "Listen to the microphone";
  say(byId("listen-said"), "");
}

/** Record one second as a file of its own and ask about it while the next one is recorded. */
function hop(session) {
  if (listening !== session) return;
  const recorder = new MediaRecorder(session.stream);
  const start = (performance.now() - session.begin) / 1000;
  recorder.ondataavailable = ({ data }) => data.size && answered(session, data, start);
  recorder.onstop = () => hop(session);
  recorder.start();
  setTimeout(() => recorder.state === "recording" && recorder.stop(), HOP_MS);
}

async function answered(session, data, start) {
  const ending = data.type.includes("mp4") ? "m4a" : "webm";
  const file = new File([data], `second-${Math.round(start)}.${ending}`, { type: data.type });
  try {
    const reply = await post("/v1/predict", form({ model: session.model.id }, [file]));
    if (listening !== session) return;
    const [answer] = reply.predictions;
    if (!answer) return say(byId("listen-said"), reply.skipped[0]?.reason ?? "nothing heard", true);
    shown(answer, start, session.model.background);
  } catch (error) {
    if (listening === session) say(byId("listen-said"), error.message, true);
  }
}

/** The last answer in one line; what is neither background nor unknown stays in the list. */
function shown(answer, start, background) {
  const quiet = answer.unknown || background.includes(answer.label);
  say(byId("listen-said"), answer.unknown ? "nothing it knows" : `${answer.label}, ${percent(answer.probability)}`);
  if (quiet) return;
  const log = byId("listen-log");
  log.prepend(make("li", {}, make("b", {}, answer.label), ` ${percent(answer.probability)} at ${start.toFixed(0)} s`));
  while (log.children.length > KEPT) log.lastElementChild.remove();
}
