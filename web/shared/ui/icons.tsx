/** Line icons of 16 by 16 (24 in their own units). They never stand for a word alone. */

const PATHS = {
  now: "M3 12h4l3 8 4-16 3 8h4",
  executions: "M4 6h16M4 12h16M4 18h10",
  play: "M7 4.5v15l12-7.5z",
  jobs: "M14 3H6v18h12V7zM14 3v4h4M9 12h6M9 16h6",
  schedules: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2",
  rollouts: "M4 19V9M10 19V5M16 19v-7M22 19h-20",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 21 21",
  agents: "M3 5h18v11H3zM8 20h8M12 16v4",
  inventory: "M3 8l9-5 9 5v8l-9 5-9-5zM3 8l9 5 9-5M12 13v8",
  config: "M12 3 3 8l9 5 9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5",
  audit: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM9 12l2 2 4-4",
  deadLetters: "M3 6h18v12H3zM3 7l9 6 9-6",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
  inspector: "M5 5h5v5H5zM14 14h5v5h-5zM10 7.5h6.5V14",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  pause: "M8 5v14M16 5v14",
  down: "M12 5v14M6 13l6 6 6-6",
  up: "M12 19V5M6 11l6-6 6 6",
  plus: "M12 5v14M5 12h14",
  retry: "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
  stop: "M6 6h12v12H6z",
  inbox: "M4 13l3-8h10l3 8v6H4zM4 13h5l1.5 3h3L15 13h5",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" width="16" height="16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.75"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

/** The mark of the product. */
export function Brand() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#1f6f5c" />
      <g fill="none" stroke="#fff" stroke-width="3.2" stroke-linecap="round">
        <path d="M9 8v16" />
        <path d="M22.5 8 12.6 16.4 23 24" />
      </g>
    </svg>
  );
}
