// precompress.mjs SITE: puts FILE.br and FILE.gz beside every text and wasm file, so that the server never compresses them.
import { existsSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const site = process.argv[2];
const compressible = /\.(wasm|js|css|svg|html|txt|json|webmanifest)$/;

for (const entry of readdirSync(site, { recursive: true })) {
  const path = join(site, entry);
  if (entry.startsWith(".") || !compressible.test(entry) || !statSync(path).isFile()) continue;
  const source = statSync(path);
  const fresh = (other) => existsSync(other) && statSync(other).mtimeMs === source.mtimeMs;
  if (fresh(`${path}.br`) && fresh(`${path}.gz`)) continue;
  const bytes = readFileSync(path);
  const quality = bytes.length > 4_000_000 ? 5 : 10; // a development build is large and stays on this machine
  const write = (extension, packed) => {
    if (packed.length >= bytes.length) return rmSync(path + extension, { force: true });
    writeFileSync(path + extension, packed);
    utimesSync(path + extension, source.atime, source.mtime);
  };
  write(".br", brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }));
  write(".gz", gzipSync(bytes, { level: 8 }));
}
