// Talking to the server this page came from.

export class NotSignedIn extends Error {}

/** The JSON answer of a GET. Throws the server's own words when it refuses. */
export async function api(path) {
  const response = await fetch(path);
  if (response.status === 401) throw new NotSignedIn();
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

/** Exchanges a token for a cookie that no script can read. */
export async function signIn(token) {
  const response = await fetch("/api/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (!response.ok) throw new Error((await response.json()).detail);
}

/** The token of a link `/#token=…`, which is taken out of the address and the history. */
export function tokenOfFragment() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return undefined;
  history.replaceState(null, "", "/");
  return token;
}
