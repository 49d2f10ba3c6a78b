// @ts-check
/**
 * The process that makes the pages: bundles the sources of the folder that it is given and compresses what came out,
 * once. It ends when it has answered, and its memory with it. Plain JavaScript: one that loads tsx first starts much slower.
 */
import { basename } from "node:path";
import process from "node:process";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

/** @import { BundledFile, BundleReply } from "./web_bundle.ts" */
/** @import { BuildFailure, Metafile, OutputFile } from "esbuild" */

const [, , webDir = ""] = process.argv;

/** Browsers of the last two years; the style sheets need `light-dark()`, which is younger than any syntax here. */
const TARGET = ["es2022"];
/** Smaller than this is not worth compressing, bytes. */
const COMPRESSED_FROM = 512;
/** The size of the last steps of quality is not worth their seconds. */
const BROTLI_QUALITY = 9;
/** Formats that are compressed in themselves. */
const DENSE = /\.woff2$/;

process.send?.(bundle(), () => {
  // Whoever asked may be gone.
  if (process.connected) process.disconnect();
});

/** Synchronous, so that the bundler's own process is seen to its end. @returns {BundleReply} */
function bundle() {
  try {
    const { outputFiles, metafile } = buildSync(options());
    return { files: outputFiles.map(compressed), pages: pagesOf(metafile) };
  } catch (thrown) {
    return { problem: problemOf(thrown) };
  }
}

/** @returns {import("esbuild").BuildOptions & { write: false, metafile: true }} */
function options() {
  return {
    absWorkingDir: webDir,
    entryPoints: {
      dashboard: "dashboard/main.tsx",
      inspector: "inspector/main.tsx",
      icon: "icon.svg",
    },
    outdir: "assets",
    publicPath: "/assets",
    entryNames: "[name]-[hash]",
    chunkNames: "part-[hash]",
    assetNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    target: TARGET,
    jsx: "automatic",
    jsxImportSource: "preact",
    // Where the package is installed, sources lie under node_modules, where a tsconfig is not looked for.
    tsconfigRaw: "{}",
    define: { "process.env.NODE_ENV": '"production"' },
    loader: { ".woff2": "file", ".svg": "copy" },
    metafile: true,
    write: false,
    logLevel: "silent",
  };
}

/** @param {OutputFile} file @returns {BundledFile} */
function compressed({ path, contents }) {
  const name = basename(path);
  // Copies: a message would take along the whole buffers that these are parts of.
  const plain = new Uint8Array(contents);
  if (plain.length < COMPRESSED_FROM || DENSE.test(name)) return { name, plain };
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  return {
    name,
    plain,
    br: new Uint8Array(brotliCompressSync(plain, { params })),
    gzip: new Uint8Array(gzipSync(plain, { level: 9 })),
  };
}

/** What each page begins with, by the name of its entry. @param {Metafile} metafile */
function pagesOf(metafile) {
  const outputs = Object.entries(metafile.outputs);
  const pages = outputs.filter(([, { entryPoint }]) => entryPoint?.endsWith("main.tsx"));
  const [iconPath = ""] = outputs.find(([path]) => path.endsWith(".svg")) ?? [];
  const fonts = outputs.map(([path]) => basename(path)).filter((name) => name.startsWith("inter-"));
  return Object.fromEntries(pages.map(([path, output]) => [
    basename(path).replace(/-\w+\.js$/, ""),
    {
      script: basename(path),
      style: output.cssBundle === undefined ? undefined : basename(output.cssBundle),
      preload: neededBy(path, metafile).map((each) => basename(each)),
      fonts,
      icon: basename(iconPath),
    },
  ]));
}

/** What a script imports before it runs, and so on: the browser may fetch them all at once. */
/** @param {string} path @param {Metafile} metafile @returns {string[]} */
function neededBy(path, metafile) {
  /** @type {Set<string>} */
  const found = new Set();
  /** @param {string} from */
  const follow = (from) => {
    for (const { path: to, kind } of metafile.outputs[from]?.imports ?? []) {
      if (kind !== "import-statement" || found.has(to)) continue;
      found.add(to);
      follow(to);
    }
  };
  follow(path);
  return [...found];
}

/** The bundler's own words with their places. @param {unknown} thrown */
function problemOf(thrown) {
  const { errors } = /** @type {Partial<BuildFailure>} */ (thrown ?? {});
  if (!Array.isArray(errors)) return thrown instanceof Error ? thrown.message : String(thrown);
  return errors.map(({ text, location }) =>
    location ? `web/${location.file}:${location.line}: ${text}` : text
  ).join("\n");
}
