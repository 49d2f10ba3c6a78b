import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import * as v from "valibot";
import { Fault } from "../../wire/fault.ts";
import { isLoopback } from "../loopback.ts";
import type { Clock } from "../system/clock.ts";
import { cookieValue, sessionCookie } from "./cookies.ts";

/** From nobody to everything; each may do what the ones before it may. */
export const ROLES = ["public", "viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who asks. */
export interface Caller {
  /** For audit entries and the scope of idempotency keys. */
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since the epoch; absent = the credential has no end. */
  readonly expiresAt?: number;
}

/** Where credentials come from. With none of them nobody gets in. */
export interface AuthSettings {
  /** Everybody is an admin; only for a server on loopback. */
  readonly disabled: boolean;
  /** `KANADE_AUTH_STATIC_TOKEN`, or the token that was made at the first start. */
  readonly staticToken?: string;
  /** `KANADE_JWT_SECRET`. */
  readonly jwtSecret?: string;
}

export interface Authenticator {
  /** Whoever the request's credentials are of; undefined when it has some and they are wrong. */
  identify(request: Request): Promise<Caller | undefined>;
  /** Whoever a token is of: the static one or a JWT. */
  identifyToken(token: string): Promise<Caller | undefined>;
  /** `Set-Cookie` of a session for this caller. */
  startSession(caller: Caller, secure: boolean): Promise<string>;
  /** `Set-Cookie` that takes the session back. */
  endSession(secure: boolean): string;
}

export const NOBODY: Caller = { name: "nobody", role: "public" };
/** Whoever asks where nobody has to sign in. */
export const ANYBODY: Caller = { name: "anonymous", role: "admin" };
const TOKEN_HOLDER: Caller = { name: "admin", role: "admin" };

const AUDIENCE = "kanade";
const SESSION_AUDIENCE = "kanade-session";
const SESSION_MS = 7 * 86_400_000;

const Claims = v.object({
  sub: v.optional(v.string(), "jwt"),
  role: v.picklist(["viewer", "operator", "admin"]),
  exp: v.optional(v.number()),
});

/** Whether a caller of one role may do what asks for another. */
export function mayActAs(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/**
 * Checks credentials: `Authorization: Bearer` with the static token or a JWT (HS256, `aud=kanade`),
 * else the session cookie. A session is a signed cookie whose key comes from those secrets, so it
 * outlives a restart and ends when they change.
 */
export function createAuthenticator(settings: AuthSettings, clock: Clock): Authenticator {
  const sessionKey = deriveSessionKey(settings);
  const cookieName = `kanade_session_${sha256(sessionKey).toString("hex").slice(0, 8)}`;

  async function identifyToken(token: string): Promise<Caller | undefined> {
    if (settings.disabled) return ANYBODY;
    if (settings.staticToken && sameSecret(token, settings.staticToken)) return TOKEN_HOLDER;
    if (!settings.jwtSecret) return undefined;
    return await verify(token, new TextEncoder().encode(settings.jwtSecret), AUDIENCE, clock);
  }

  return {
    identifyToken,
    async identify(request) {
      if (settings.disabled) return ANYBODY;
      const authorization = request.headers.get("authorization");
      if (authorization !== null) {
        const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
        return token === undefined ? undefined : await identifyToken(token);
      }
      const session = cookieValue(request, cookieName);
      return session === undefined
        ? NOBODY
        : await verify(session, sessionKey, SESSION_AUDIENCE, clock);
    },
    async startSession(caller, secure) {
      const endsAt = Math.min(clock.now() + SESSION_MS, caller.expiresAt ?? Infinity);
      const value = await new SignJWT({ role: caller.role })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(caller.name)
        .setAudience(SESSION_AUDIENCE)
        .setExpirationTime(Math.floor(endsAt / 1_000))
        .sign(sessionKey);
      const maxAgeSecs = Math.floor((endsAt - clock.now()) / 1_000);
      return sessionCookie({ name: cookieName, value, maxAgeSecs, secure });
    },
    endSession: (secure) => sessionCookie({ name: cookieName, value: "", maxAgeSecs: 0, secure }),
  };
}

/** A token for somebody: a JWT (HS256) that the secret's other holders take. @param secret `KANADE_JWT_SECRET` */
export async function mintToken(
  secret: string,
  { name, role, expiresAt }: Required<Caller>,
): Promise<string> {
  return await new SignJWT({ role })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(name)
    .setAudience(AUDIENCE)
    .setExpirationTime(Math.floor(expiresAt / 1_000))
    .sign(new TextEncoder().encode(secret));
}

/**
 * Refuses a server without credentials that others could reach.
 *
 * @throws {Fault} `bad_setting`
 */
export function checkReachable(settings: AuthSettings, host: string): void {
  if (!settings.disabled || isLoopback(host)) return;
  throw new Fault(
    "bad_setting",
    `Cannot serve without authentication on ${JSON.stringify(host)}: ` +
      "KANADE_AUTH_DISABLE is only for a server that listens on loopback",
  );
}

async function verify(
  token: string,
  key: Uint8Array,
  audience: string,
  clock: Clock,
): Promise<Caller | undefined> {
  try {
    const { payload } = await jwtVerify(token, key, {
      audience,
      algorithms: ["HS256"],
      currentDate: new Date(clock.now()),
    });
    const claims = v.parse(Claims, payload);
    return {
      name: claims.sub,
      role: claims.role,
      ...(claims.exp === undefined ? {} : { expiresAt: claims.exp * 1_000 }),
    };
  } catch {
    // Whatever is wrong with a token, its bearer learns no more than that.
    return undefined;
  }
}

/** Compares hashes, so that neither time nor length tells how much of a guess was right. */
function sameSecret(guess: string, secret: string): boolean {
  return timingSafeEqual(sha256(guess), sha256(secret));
}

function sha256(data: string | Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}

function deriveSessionKey(settings: AuthSettings): Uint8Array {
  return createHmac("sha256", "kanade session key")
    .update(JSON.stringify([settings.staticToken ?? null, settings.jwtSecret ?? null]))
    .digest();
}
