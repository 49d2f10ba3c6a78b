import type { PageParts } from "./web_bundle.ts";

/** A page as the browser gets it: everything else comes from its script. */
export function htmlPage(name: string, parts: PageParts): string {
  const { script, style, preload, fonts, icon } = parts;
  return document(
    name === "dashboard" ? "kanade" : `${name} · kanade`,
    [
      `<link rel="icon" href="/assets/${icon}" type="image/svg+xml">`,
      ...(style === undefined ? [] : [`<link rel="stylesheet" href="/assets/${style}">`]),
      ...fonts.map((font) =>
        `<link rel="preload" href="/assets/${font}" as="font" type="font/woff2" crossorigin>`
      ),
      ...preload.map((part) => `<link rel="modulepreload" href="/assets/${part}">`),
      `<script type="module" src="/assets/${script}"></script>`,
    ],
    [
      `<div id="app"></div>`,
      `<noscript>This page needs JavaScript; <code>npx kanade executions</code> shows the same facts.</noscript>`,
    ],
  );
}

/** What a person sees when there is no page to show, and what to do about it. */
export function errorPage(name: string, problem: string): string {
  return document(`The ${name} cannot be shown`, [], [
    `<h1>The ${escaped(name)} cannot be shown</h1>`,
    `<p>Its sources could not be bundled:</p>`,
    `<pre>${escaped(problem)}</pre>`,
    `<p>Everything else works: <code>npx kanade</code> and the API are not concerned. When a package is missing,
    <code>npm ci</code> installs it; this page tries again when it is loaded again.</p>`,
  ]);
}

function document(title: string, head: readonly string[], body: readonly string[]): string {
  return [
    "<!doctype html>",
    `<html lang="en">`,
    "<head>",
    `<meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<meta name="color-scheme" content="light dark">`,
    `<title>${escaped(title)}</title>`,
    ...head,
    "</head>",
    "<body>",
    ...body,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
