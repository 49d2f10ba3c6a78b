/** What stands around every page: where one can go, who one is, and whether what is shown is still true. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";
import { connection, open } from "../live.ts";
import { place } from "../router.ts";
import { arrive } from "../scroll.ts";
import { session } from "../session.ts";
import { Brand, Icon, type IconName } from "./icons.tsx";
import { Since } from "./time.tsx";
import { Toasts } from "./toasts.tsx";

export interface NavItem {
  readonly label: string;
  readonly icon: IconName;
  readonly href: string;
  readonly current: boolean;
  /** Something to look at there. */
  readonly badge?: number | undefined;
}

export interface NavGroup {
  readonly title?: string;
  readonly items: readonly NavItem[];
}

const isMenuOpen = signal(false);

export function Frame({ groups, banner, children }: {
  readonly groups: readonly NavGroup[];
  /** What is wrong with the system, above everything. */
  readonly banner?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const here = place.value;
  useLayoutEffect(() => {
    isMenuOpen.value = false;
    arrive();
  }, [here.parts.join("/")]);
  useEffect(closeMenuByEscape, []);
  return (
    <>
      <a class="skip-link" href="#main" onClick={skipToMain}>Skip to the content</a>
      <div class="frame">
        <TopBar />
        <Sidebar groups={groups} />
        <div class="content">
          <LostBanner />
          {banner}
          <main id="main" class="main" tabIndex={-1}>{children}</main>
        </div>
      </div>
      <Toasts />
    </>
  );
}

function closeMenuByEscape(): () => void {
  const onKey = ({ key }: KeyboardEvent) => {
    if (key !== "Escape" || !isMenuOpen.value) return;
    isMenuOpen.value = false;
    document.getElementById("menu")?.focus();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

/** The fragment is where the page is, so that the browser's own way would leave it. */
function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function TopBar() {
  return (
    <div class="topbar">
      <a class="brand" href="/#/">
        <Brand />kanade
      </a>
      <button
        id="menu"
        type="button"
        class="button icon quiet"
        aria-label="Menu"
        aria-expanded={isMenuOpen.value}
        onClick={() => isMenuOpen.value = !isMenuOpen.value}
      >
        <Icon name="menu" />
      </button>
    </div>
  );
}

function Sidebar({ groups }: { readonly groups: readonly NavGroup[] }) {
  return (
    <>
      {isMenuOpen.value && (
        <button
          type="button"
          class="scrim"
          aria-label="Close the menu"
          onClick={() => isMenuOpen.value = false}
        />
      )}
      <header class="sidebar" data-open={isMenuOpen.value}>
        <a class="brand" href="/#/">
          <Brand />kanade
        </a>
        <nav class="nav" aria-label="Pages">
          {groups.map((group) => <NavSection key={group.title ?? ""} {...group} />)}
        </nav>
        <SidebarFoot />
      </header>
    </>
  );
}

function NavSection({ title, items }: NavGroup) {
  return (
    <div>
      {title !== undefined && <div class="nav-title">{title}</div>}
      <ul>
        {items.map(({ label, icon, href, current, badge }) => (
          <li key={href}>
            <a href={href} aria-current={current ? "page" : undefined}>
              <Icon name={icon} />
              {label}
              {badge !== undefined && badge > 0 && (
                <span class="badge" data-tone="bad">{badge}</span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

const CONNECTION_WORDS = { connecting: "connecting", live: "live", lost: "not connected" };

function SidebarFoot() {
  const who = session.value;
  return (
    <div class="sidebar-foot">
      <span class="live" data-state={connection.value.state} role="status">
        {CONNECTION_WORDS[connection.value.state]}
      </span>
      {who.state === "signed in" && (
        <span class="break">{who.name === who.role ? who.name : `${who.name}, ${who.role}`}</span>
      )}
    </div>
  );
}

/** What is shown may be old: says so until the connection is back. */
function LostBanner() {
  const now = connection.value;
  if (now.state !== "lost") return null;
  return (
    <div class="banner">
      <span role="alert">
        The server cannot be reached. What you see may be old; this page comes back by itself.
      </span>
      {/* Outside of the alert: it would be read out again each second. */}
      <span>
        For <Since at={new Date(now.sinceMs).toISOString()} />
      </span>
      <button type="button" class="button small" onClick={open}>Try now</button>
    </div>
  );
}
