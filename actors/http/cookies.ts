/** The one cookie of a request by its name; undefined when it is not there. */
export function cookieValue(request: Request, name: string): string | undefined {
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}

/** `Set-Cookie` of a session: no script reads it, and no other site makes the browser send it. */
export function sessionCookie(
  cookie: {
    readonly name: string;
    /** Characters of a JWT only. */
    readonly value: string;
    readonly maxAgeSecs: number;
    readonly secure: boolean;
  },
): string {
  const secure = cookie.secure ? "; Secure" : "";
  return `${cookie.name}=${cookie.value}; Path=/; HttpOnly; SameSite=Strict; ` +
    `Max-Age=${cookie.maxAgeSecs}${secure}`;
}
