/** Voice input, where the browser offers it. Listening is the browser's business, on the device if it can. */

const Recognition = globalThis.SpeechRecognition ?? globalThis.webkitSpeechRecognition;
const LANGUAGE = 'en-US';

/** Whether the browser can listen without sending audio anywhere. */
async function staysHere() {
  const state = await Recognition.available?.({ langs: [LANGUAGE], processLocally: true }).catch(() => 'unavailable');
  return state === 'available';
}

/** @param {HTMLButtonElement} button stays hidden where there is no recognition
 * @param {{heard(text: string, final: boolean): void, status(text: string): void}} report */
export function offerVoice(button, report) {
  if (!Recognition) return;
  button.hidden = false;
  let listening = null;
  button.addEventListener('click', async () => {
    if (listening) return listening.stop();
    const recognition = listening = new Recognition();
    const here = await staysHere();
    if (here) recognition.processLocally = true;
    recognition.lang = LANGUAGE;
    recognition.interimResults = true;
    recognition.addEventListener('result', ({ results }) => {
      const last = results[results.length - 1];
      report.heard(last[0].transcript.trim(), last.isFinal);
    });
    recognition.addEventListener('error', ({ error }) => {
      report.status(error === 'not-allowed' ? 'The microphone was not allowed.' : error === 'network' ? 'This browser listens over the network, and there is none.' : 'Nothing was heard.');
    });
    recognition.addEventListener('end', () => {
      listening = null;
      button.setAttribute('aria-pressed', 'false');
    });
    button.setAttribute('aria-pressed', 'true');
    report.status(here ? 'Listening, on this device.' : 'Listening. Your browser may send the audio to its maker; Thimble sends nothing.');
    recognition.start();
  });
}
