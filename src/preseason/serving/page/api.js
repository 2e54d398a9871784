/** Talking with the server; a refusal is an Error in the server's own words. */

export async function ask(method, path, body = undefined, signal = undefined) {
  const options = { method, signal, headers: {} };
  if (body instanceof FormData || body instanceof Blob) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["content-type"] = "application/json";
  }
  let reply;
  try {
    reply = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer: is it still running?");
  }
  if (!reply.ok) throw new Error(await told(reply));
  return reply;
}

export const get = async (path) => (await ask("GET", path)).json();
export const post = async (path, body) => (await ask("POST", path, body)).json();

/** A form of fields and of files or texts. */
export function form(fields, files = [], texts = []) {
  const filled = new FormData();
  for (const [name, value] of Object.entries(fields)) filled.append(name, value);
  for (const file of files) filled.append("file", file, file.name || "pasted");
  for (const text of texts) filled.append("text", text);
  return filled;
}

async function told(reply) {
  try {
    return (await reply.json()).error.message;
  } catch {
    return `The server answered ${reply.status}.`;
  }
}
